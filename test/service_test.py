#!/usr/bin/python3
"""A replica under a service manager and in an operator's hands: what it tells, and what it says when something is slow."""

import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

from cell_process import Cell, Replica, free_ports

POLIS = os.environ["POLIS"]
PATIENCE = 30


class Manager(threading.Thread):
    """Listens at a notify socket; keeps what was said."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.said, self.stopping = path, [], False
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(0.1)
        self.start()

    def run(self):
        while not self.stopping:
            try:
                self.said.append(self.socket.recv(4096).decode())
            except TimeoutError:
                continue

    def stop(self):
        self.stopping = True
        self.join()
        self.socket.close()


class ServiceTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.directory = self.temporary.name
        self.cell, self.more = None, []

    def tearDown(self):
        for process in self.more:
            process.kill()
            process.wait()
        if self.cell is not None:
            self.cell.kill()
        self.temporary.cleanup()

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, what() if callable(what) else what)
            time.sleep(0.05)

    def test_the_service_manager_is_told(self):
        manager = Manager(self.directory + "/notify")
        self.addCleanup(manager.stop)
        self.cell = Cell(POLIS, self.directory + "/cell", 3)
        self.cell.environment = dict(os.environ, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="400000")
        first = self.cell.replicas[0]
        first.start()
        self.until(lambda: any("no master" in s for s in manager.said), lambda: manager.said)
        self.assertNotIn("READY=1", manager.said, "alone it serves nothing yet")
        self.until(lambda: manager.said.count("WATCHDOG=1") >= 5, "the watchdog is fed")
        self.cell.environment = None
        self.cell.replicas[1].start()
        self.cell.replicas[2].start()
        self.until(lambda: "READY=1" in manager.said, lambda: manager.said)
        self.until(lambda: any(re.match(r"STATUS=(master|follower) of cell polis, master is [abc], term \d+", s) for s in manager.said), lambda: manager.said)
        first.process.send_signal(signal.SIGHUP)
        self.until(lambda: manager.said.count("READY=1") == 2, lambda: manager.said)
        reloading = [s for s in manager.said if s.startswith("RELOADING=1")]
        self.assertEqual(len(reloading), 1)
        self.assertRegex(reloading[0], r"^RELOADING=1\nMONOTONIC_USEC=\d+$")
        self.assertLess(manager.said.index(reloading[0]), len(manager.said) - 1 - manager.said[::-1].index("READY=1"))
        self.assertEqual(first.stop(), 0)
        self.until(lambda: manager.said[-1] == "STOPPING=1" or "STOPPING=1" in manager.said, lambda: manager.said)
        self.assertEqual(manager.said.count("READY=1"), 2)

    def test_a_notify_socket_that_is_not_there_stops_nobody(self):
        self.cell = Cell(POLIS, self.directory + "/cell", 1)
        self.cell.environment = dict(os.environ, NOTIFY_SOCKET=self.directory + "/none", WATCHDOG_USEC="soon")
        self.cell.start()
        self.cell.wait_ready()
        self.until(lambda: "cannot tell the service manager" in self.cell.replicas[0].log(), "it says so")
        self.assertEqual(self.cell.replicas[0].log().count("cannot tell the service manager"), 1)

    def test_a_slow_write_is_logged_with_its_stages(self):
        self.cell = Cell(POLIS, self.directory, 3)
        self.cell.start()
        self.cell.wait_ready()
        master = self.cell.master()
        others = [r for r in self.cell.replicas if r is not master]
        for other in others:
            other.process.send_signal(signal.SIGSTOP)
        put = subprocess.Popen([POLIS, "kv", "put", "-e", master.client, "--timeout", "6", "k", "v"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.more.append(put)
        time.sleep(1.5)  # longer than the bound; nobody can answer meanwhile
        for other in others:
            other.process.send_signal(signal.SIGCONT)
        self.assertEqual(put.wait(PATIENCE), 0)
        # Or the pause was longer than the master waited for its quorum, and the next mastership has begun the write anew.
        stages = r"a write took [0-6]\.\d+ s: .* until a quorum had it on disk"
        begun_anew = r"follower in term [^$]*a call of /etcdserverpb.KV/Put took [0-6]\.\d+ s: .* until it was answered"
        self.until(lambda: re.search(stages, master.log()) or re.search(begun_anew, master.log()), master.log)

    def test_what_a_client_took_is_a_stage_of_its_own(self):
        self.cell = Cell(POLIS, self.directory, 1)
        self.cell.start()
        self.cell.wait_ready()
        replica = self.cell.replicas[0]
        host, port = replica.client.split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
            client.sendall(b"POST /v3/kv/range HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n{")
            time.sleep(0.7)  # the slowness that is to be told
            client.sendall(b'"key":"YQ=="}')
            self.assertTrue(client.recv(1000).startswith(b"HTTP/1.1 200 "))
        self.until(lambda: re.search(r"a call of /etcdserverpb.KV/Range took \d\.\d+ s: (0\.[7-9]|[1-9]\.)\d+ s until the client had sent the request", replica.log()),
                   replica.log)

    def test_a_pause_is_told_apart_from_long_work(self):
        self.cell = Cell(POLIS, self.directory, 1)
        self.cell.start()
        self.cell.wait_ready()
        replica = self.cell.replicas[0]
        time.sleep(0.3)  # so that the loop has looked at its clock before
        replica.process.send_signal(signal.SIGSTOP)
        time.sleep(1.0)
        replica.process.send_signal(signal.SIGCONT)
        self.until(lambda: re.search(r"nothing was served for [01]\.\d+ s, 0\.\d+ s of them busy", replica.log()), replica.log)

    def test_a_member_added_by_etcdctl_starts_by_the_line_that_is_said(self):
        self.cell = Cell(POLIS, self.directory, 3)
        self.cell.start()
        self.cell.wait_ready()
        self.cell.master()
        client, peer = free_ports(2)
        added = subprocess.run(["etcdctl", "--endpoints", self.cell.endpoints, "member", "add", "d", f"--peer-urls=http://127.0.0.1:{peer}"],
                               env=dict(os.environ, ETCDCTL_API="3"), capture_output=True, text=True, check=False)
        self.assertEqual(added.returncode, 0, added.stderr)
        initial = re.search(r'ETCD_INITIAL_CLUSTER="(.*)"', added.stdout).group(1)
        new = Replica(self.cell, "d", client, peer)
        self.cell.initial = initial  # as etcdctl prints it
        new.start()
        self.assertEqual(new.process.wait(PATIENCE), 1, new.log())
        line = re.search(r"is started by this line: rm -r (\S+) && (polis .*)", new.log())
        self.assertIsNotNone(line, new.log())
        subprocess.run(["rm", "-r", line.group(1)], check=True)
        with open(new.log_path, "ab") as log:
            new.process = subprocess.Popen([POLIS, *shlex.split(line.group(2))[1:]], stdout=log, stderr=log)
        self.more.append(new.process)
        new.wait_serving()


    def test_a_learner_that_is_healthy_can_be_promoted(self):
        self.cell = Cell(POLIS, self.directory, 3)
        self.cell.start()
        self.cell.wait_ready()
        self.cell.master()

        def ctl(*args):
            return subprocess.run(["etcdctl", "--endpoints", self.cell.endpoints, "--command-timeout", "20s", *args],
                                  env=dict(os.environ, ETCDCTL_API="3"), capture_output=True, text=True, check=False)
        client, peer = free_ports(2)
        added = ctl("member", "add", "d", "--learner", f"--peer-urls=http://127.0.0.1:{peer}")
        self.assertEqual(added.returncode, 0, added.stderr)
        new = Replica(self.cell, "d", client, peer)
        new.join()
        self.more.append(new.process)

        def healthy():
            try:
                with urllib.request.urlopen(f"http://{new.client}/health", timeout=5) as response:
                    return response.status == 200
            except OSError:
                return False
        self.until(healthy, new.log)
        promoted = ctl("member", "promote", re.search(r"Member\s+(\w+) added", added.stdout).group(1))
        self.assertEqual(promoted.returncode, 0, promoted.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
