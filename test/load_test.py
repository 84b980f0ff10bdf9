#!/usr/bin/python3
"""The load generator itself: what it says must be what happened."""

import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

from cell_process import Cell

POLIS, LOAD = os.environ["POLIS"], os.environ["POLIS_LOAD"]
STALL = 0.6


class LoadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="polis-test-")
        cls.cell = Cell(POLIS, cls.temporary.name, 1)
        cls.cell.start()
        cls.cell.wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.cell.kill()
        cls.temporary.cleanup()

    def load(self, *flags):
        return subprocess.Popen([LOAD, "--endpoints", self.cell.endpoints, *flags], stdout=subprocess.PIPE, text=True)

    def count_keys(self):
        done = subprocess.run([POLIS, "kv", "get", "-e", self.cell.endpoints, "-o", "json", "--count-only", "--prefix", "0"],
                              capture_output=True, text=True, check=True)
        return int(json.loads(done.stdout)["count"])

    def stalled(self, *flags):
        """The report of a load whose server stands still for STALL seconds in its middle."""
        load = self.load("--seconds", "2", "--warmup", "0.3", *flags)
        process = self.cell.replicas[0].process
        time.sleep(0.8)  # into the measured time
        process.send_signal(signal.SIGSTOP)
        time.sleep(STALL)
        process.send_signal(signal.SIGCONT)
        report = json.loads(load.communicate(timeout=30)[0])
        self.assertEqual(report["failed"], 0)
        return report

    def test_it_writes_what_it_says(self):
        subprocess.run([POLIS, "kv", "del", "-e", self.cell.endpoints, "--prefix", "0"], stdout=subprocess.DEVNULL, check=False)
        report = json.loads(self.load("--operations", "500", "--keys", "300", "--sequential", "--clients", "20", "--connections", "4")
                            .communicate(timeout=30)[0])
        self.assertEqual((report["operations"], report["failed"]), (500, 0))
        self.assertEqual(self.count_keys(), 300)

    def test_an_open_loop_keeps_its_rate_and_counts_a_stall_for_everyone_who_waited(self):
        report = self.stalled("--rate", "500", "--clients", "50", "--connections", "5")
        self.assertAlmostEqual(report["operations"], 1000, delta=100)
        # The requests that were due during the stall are 3 of 10, and waited for up to all of it.
        self.assertGreater(report["p90_us"], STALL * 1e6 / 3)
        self.assertGreater(report["max_us"], STALL * 1e6 * 0.9)

    def test_a_closed_loop_sees_a_stall_once_a_client(self):
        report = self.stalled("--clients", "2")
        self.assertGreater(report["operations"], 100)
        self.assertLess(report["p90_us"], STALL * 1e6 / 3)
        self.assertGreater(report["max_us"], STALL * 1e6 * 0.9)


if __name__ == "__main__":
    unittest.main()
