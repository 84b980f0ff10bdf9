#!/usr/bin/python3
"""Patroni and PostgreSQL, unchanged, with a cell as their store, through the JSON gateway.

By itself: start and switchover. With WITH_KILLS=1, which takes minutes: the primary's machine is lost, then that and the cell's
master at once. No acknowledged row is ever lost, and never do two primaries take rows."""

import importlib
import os
import sys
import tempfile
import time
import unittest

from cell_process import Cell, free_ports
from client_venv import ClientVenv
from patroni_cluster import PATRONI, TTL, PatroniCluster


class PatroniTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.environment = ClientVenv(*PATRONI)
        cls.addClassCleanup(cls.environment.remove)
        sys.path.append(cls.environment.packages())
        cls.psycopg = importlib.import_module("psycopg")

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.addCleanup(directory.cleanup)
        self.cell = Cell(os.environ["POLIS"], os.path.join(directory.name, "cell"))
        self.cell.start()
        self.addCleanup(self.cell.kill)
        self.cell.wait_ready()
        self.cluster = PatroniCluster(self.environment, directory.name, [r.client for r in self.cell.replicas], free_ports(4))
        self.addCleanup(self.cluster.kill)

    def other(self, node):
        return next(n for n in self.cluster.nodes if n is not node)

    def say(self, text):
        print(text, flush=True)

    def assert_short(self, pause, most):
        """With what the replicas say of their masters: a new one gives each lease its full time again."""
        self.assertLess(pause, most, "\n".join(line for r in self.cell.replicas for line in r.log().splitlines() if "master" in line or "slow" in line))

    def check(self):
        self.cluster.stop_writing()
        lost, two = self.cluster.verdict(self.psycopg)
        self.say(f"{len(self.cluster.acknowledged())} rows acknowledged")
        self.assertEqual(lost, [])
        self.assertEqual(two, [])

    def switch_over(self, primary):
        begun = time.monotonic()
        self.cluster.switchover(primary, self.other(primary))
        self.cluster.wait(lambda: self.cluster.in_step() is self.other(primary))
        self.cluster.wait_written(time.monotonic())
        self.say(f"switchover: {self.cluster.pause_since(begun):.1f} s without a primary")
        return self.other(primary)

    def lose(self, primary, *others):
        """kill -9 of the primary and what else; then it comes back as the standby."""
        begun = time.monotonic()
        for one in (primary, *others):
            one.kill()
        self.cluster.wait_written(begun + 1)
        pause = self.cluster.pause_since(begun)
        self.say(f"kill -9 of the primary{' and the master' if others else ''}: {pause:.1f} s without a primary")
        primary.start()
        self.assertIs(self.cluster.wait(self.cluster.in_step), self.other(primary))
        return self.other(primary), pause

    def test_start_and_switchover(self):
        primary = self.cluster.start()
        self.cluster.write(self.psycopg)
        self.cluster.wait_written(time.monotonic())
        self.switch_over(primary)
        self.check()

    @unittest.skipUnless(os.environ.get("WITH_KILLS"), "takes minutes")
    def test_the_primary_is_lost_alone_and_with_the_cells_master(self):
        primary = self.cluster.start()
        self.cluster.write(self.psycopg)
        self.cluster.wait_written(time.monotonic())
        primary, pause = self.lose(primary)
        # 20 s where nothing else happens; on a machine that is short of processors the cell's master may change, too.
        self.assert_short(pause, 2 * TTL + 15)
        primary = self.switch_over(primary)
        master = self.cell.master()
        primary, pause = self.lose(primary, master)
        self.assert_short(pause, 2 * TTL + 15)
        master.start()
        # The cell's master alone: nothing is seen of it.
        begun = time.monotonic()
        self.cell.master().kill()
        self.cluster.wait_written(begun + 10)
        pause = self.cluster.pause_since(begun)
        self.say(f"kill -9 of the master: {pause:.1f} s without a primary")
        self.assert_short(pause, 3)
        self.check()


if __name__ == "__main__":
    unittest.main(verbosity=1)
