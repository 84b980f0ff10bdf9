#!/usr/bin/python3
"""What `polis doctor` says of cells in trouble, and what their logs say of it."""

import os
import signal
import subprocess
import tempfile
import time
import unittest

from cell_process import Cell

POLIS = os.environ["POLIS"]


class DoctorTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.addCleanup(self.directory.cleanup)
        self.cell = Cell(POLIS, self.directory.name, 3)
        self.addCleanup(self.cell.kill)

    def doctor(self, endpoints=None):
        done = subprocess.run([POLIS, "doctor", "-e", endpoints or self.cell.endpoints, "--watch-clocks", "0.3"], capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    def until_doctor_says(self, part, endpoints=None, seconds=60):
        deadline = time.monotonic() + seconds
        while part not in (said := self.doctor(endpoints)):
            self.assertLess(time.monotonic(), deadline, said)
        return said

    def test_a_stopped_replica_has_no_bad_clock_nor_have_the_others(self):
        self.cell.start()
        self.cell.wait_ready()
        self.until_doctor_says("all 3 replicas answer")
        # The one in the middle holds the first round of questions up, and not the second.
        stopped = sorted(self.cell.replicas, key=lambda r: r.name)[1]
        stopped.process.send_signal(signal.SIGSTOP)
        try:
            said = self.until_doctor_says("2 of 3 voters answer", ",".join(r.client for r in self.cell.replicas if r is not stopped))
        finally:
            stopped.process.send_signal(signal.SIGCONT)
        self.assertNotIn("clock", said)
        self.assertIn(f"missing: {stopped.name}", said)

    def test_without_a_quorum_the_servers_words_arrive(self):
        self.cell.start()
        self.cell.wait_ready()
        a, b, c = self.cell.replicas
        b.kill()
        c.kill()
        done = subprocess.run([POLIS, "kv", "put", "a", "b", "-e", a.client], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("etcdserver: request timed out", done.stderr)
        self.assertIn("no quorum: 1 of 3 voters answer, 2 are needed", self.doctor(a.client))

    def test_before_the_first_master_who_answers_is_counted(self):
        """A member tells the cell its client address through a master. The command knows one address by itself."""
        a, b, c = self.cell.replicas
        a.start()
        a.wait_serving()
        said = self.doctor(a.client)
        self.assertIn("no quorum: 1 of 3 voters answer, 2 are needed", said)
        for missing in (b, c):
            self.assertIn(f"{missing.name} (it has never started)", said)
            self.assertIn(f"{missing.name} has never taken part", said)
        self.assertNotIn("a has never taken part", said)
        status = subprocess.run([POLIS, "cell", "status", "-e", a.client], capture_output=True, text=True, timeout=60)
        self.assertEqual(status.returncode, 1, status)
        self.assertRegex(status.stdout, rf"a +\S+ +{a.client} +(follower|candidate|pre-candidate)")
        self.assertEqual(status.stdout.count("its address is not known yet"), 2, status.stdout)

    def test_a_forgotten_initial_is_said_once_with_the_remedy_and_the_doctor_sees_it(self):
        a, b, c = self.cell.replicas
        with open(b.log_path, "wb") as log:
            alone = subprocess.Popen([POLIS, "cell", "run", "--name", "b", "--data-dir", b.directory, "--client", b.client, "--peer", b.peer], stderr=log)
        self.addCleanup(alone.kill)
        b.process = alone
        b.wait_serving()
        b.stop()
        self.assertIn("founds a cell of one, because neither --initial nor --join was given", b.log())
        self.assertIn(f"delete {b.directory}", b.log())
        self.cell.start()
        for replica in (a, c):
            replica.wait_serving()
        said = self.until_doctor_says("b refuses a", a.client + "," + c.client)
        self.assertIn("b is a cell of one", said)
        self.assertIn("start it with the same --initial as the others", said)
        self.assertIn("holds a cell of one", self.doctor(b.client))
        # Said once by each to each: what a few seconds of refusals leave in the logs is a handful of lines.
        before = {r.name: r.log().count("\n") for r in self.cell.replicas}
        time.sleep(3)  # this is what is measured: how much is logged in a while
        for replica in self.cell.replicas:
            lines = replica.log().splitlines()
            self.assertLessEqual(len(lines) - before[replica.name], 5, "\n".join(lines[-20:]))
            self.assertLessEqual(sum("refus" in line for line in lines), 4, "\n".join(lines))
        self.assertEqual(b.log().count("--initial names"), 1)
        # The remedy, as it is said.
        b.stop()
        subprocess.run(["rm", "-r", b.directory], check=True)
        b.start()
        self.until_doctor_says("all 3 replicas answer")


if __name__ == "__main__":
    unittest.main(verbosity=1)
