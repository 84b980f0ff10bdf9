#!/usr/bin/python3
"""`polis run`: an application of real processes on this machine, without a cell."""

import os
import re
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.request

POLIS = os.environ["POLIS"]
PATIENCE = 30

# Two instances of a service that needs another one, which comes behind it in the alphabet, and writes down where that one is.
APPLICATION = """
application: pair
services:
  yard:
    ports: {{http: dynamic}}
    start: [/usr/bin/python3, -m, http.server, "${{port.http}}", --bind, 127.0.0.1]
    healthcheck: {{http: /, interval: 200ms}}
  web:
    instances: {web}
    ports: {{http: dynamic}}
    start:
      command:
        - /bin/sh
        - -c
        - echo $STORE $WORD > store; exec /usr/bin/python3 -m http.server ${{port.http}} --bind 127.0.0.1
      env: {{STORE: "${{service.yard.endpoints}}", WORD: {word}}}
    healthcheck: {{tcp: {{}}, interval: 200ms}}
    depends_on: [yard]
"""


class RunTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.addCleanup(directory.cleanup)
        self.directory, self.agent = directory.name, None
        self.state = os.path.join(self.directory, "state")
        self.file = os.path.join(self.directory, "pair.yaml")
        self.write()
        self.addCleanup(self.end)

    def write(self, web=2, word="one"):
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(APPLICATION.format(web=web, word=word))

    def run_agent(self):
        self.output = os.path.join(self.directory, f"out{time.monotonic_ns()}")
        with open(self.output, "wb") as out:
            self.agent = subprocess.Popen([POLIS, "run", self.file, "--state-dir", self.state], stdout=out, stderr=out)

    def end(self):
        """Whatever a test has left: the agent that finds it stops it."""
        if not os.path.isdir(os.path.join(self.state, "instances")):
            if self.agent and self.agent.poll() is None:
                self.agent.kill()
                self.agent.wait()
            return
        if self.agent is None or self.agent.poll() is not None:
            self.run_agent()
            self.until(lambda: "running" in self.said() or self.agent.poll() is not None, self.said)
        self.agent.send_signal(signal.SIGINT)
        self.agent.wait(PATIENCE)

    def said(self):
        with open(self.output, encoding="utf-8") as file:
            return file.read()

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, what() if callable(what) else what)
            time.sleep(0.02)  # between two looks

    def wait_all(self):
        self.until(lambda: "instances serve" in self.said(), self.said)

    def processes(self):
        """The newest process of each instance, as the agent has said."""
        return dict(re.findall(r"(pair\.\S+) running.*\(process (\d+)\)", self.said()))

    def read(self, name):
        with open(os.path.join(self.state, name), encoding="utf-8") as file:
            return file.read()

    def ports(self):
        return {line.split()[0]: int(line.split()[2]) for line in self.read("ports").splitlines()}

    def test_services_start_in_order_and_stop_in_the_reverse(self):
        self.run_agent()
        self.wait_all()
        said, ports = self.said(), self.ports()
        self.assertLess(said.index("pair.yard.0 running, healthy"), said.index("pair.web.0 starting"))
        for port in ports.values():
            self.assertEqual(urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).status, 200)
        self.assertEqual(self.read("instances/web.1/work/store").split(), [f"127.0.0.1:{ports['yard.0']}", "one"])
        self.agent.send_signal(signal.SIGTERM)
        self.assertEqual(self.agent.wait(PATIENCE), 0, self.said())
        said = self.said()
        self.assertLess(said.index("pair.web.0 stopped"), said.index("pair.yard.0 stopp"))
        for process in self.processes().values():
            self.assertFalse(os.path.exists(f"/proc/{process}/fd/0"), said)

    def test_a_killed_instance_is_back_at_once_and_the_others_notice_nothing(self):
        self.run_agent()
        self.wait_all()
        before = self.processes()
        os.kill(int(before["pair.web.1"]), signal.SIGKILL)
        self.until(lambda: self.processes()["pair.web.1"] != before["pair.web.1"], self.said)
        self.assertIn("pair.web.1 waiting: killed by SIGKILL", self.said())
        del before["pair.web.1"]
        self.assertEqual(before, {k: v for k, v in self.processes().items() if k in before})

    def test_a_killed_agent_finds_its_instances_again(self):
        self.run_agent()
        self.wait_all()
        before = self.processes()
        self.agent.kill()
        self.agent.wait()
        for process in before.values():
            os.kill(int(process), 0)
        self.run_agent()
        self.wait_all()
        self.assertEqual(self.processes(), before)
        self.assertNotIn("starting", self.said())

    def test_what_changed_in_the_file_is_done_on_a_hangup(self):
        self.run_agent()
        self.wait_all()
        before = self.processes()
        self.write(web=1, word="two")
        self.agent.send_signal(signal.SIGHUP)
        self.until(lambda: "pair.web.1 stopped" in self.said() and self.processes()["pair.web.0"] != before["pair.web.0"], self.said)
        self.assertEqual(self.processes()["pair.yard.0"], before["pair.yard.0"])
        self.until(lambda: "two" in self.read("instances/web.0/work/store"), self.said)
        with open(self.file, "w", encoding="utf-8") as file:
            file.write("application: pair\nservices: {web: {starts: x}}\n")
        self.agent.send_signal(signal.SIGHUP)
        self.until(lambda: "SIGHUP: nothing has changed" in self.said(), self.said)
        self.assertIn("did you mean 'start'?", self.said())
        self.assertIsNone(self.agent.poll())

    def test_two_agents_do_not_share_a_directory(self):
        self.run_agent()
        self.wait_all()
        done = subprocess.run([POLIS, "run", self.file, "--state-dir", self.state], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another polis run has", done.stderr)

    def test_a_command_that_does_not_exist_is_said_and_tried_again_later(self):
        with open(self.file, "w", encoding="utf-8") as file:
            file.write("application: pair\nservices: {web: {start: /nowhere/web}}\n")
        self.run_agent()
        self.until(lambda: "pair.web.0 waiting" in self.said(), self.said)
        self.assertRegex(self.said(), r"pair\.web\.0 waiting: .*/nowhere/web")

    def test_what_needs_a_cell_is_refused_by_name(self):
        with open(self.file, "w", encoding="utf-8") as file:
            file.write("application: pair\nservices: {web: {start: /bin/true, image: 'x:1'}}\n")
        done = subprocess.run([POLIS, "run", self.file, "--state-dir", self.state], capture_output=True, text=True, timeout=PATIENCE)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("pair/web: images are not run yet", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
