#!/usr/bin/python3
"""Cells that decide by other quorums than majorities, and what they say of them."""

import os
import subprocess
import tempfile
import time
import unittest

from cell_process import Cell, Replica, free_ports

POLIS = os.environ["POLIS"]


class QuorumTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.addCleanup(self.directory.cleanup)

    def cell_of(self, *flags):
        cell = Cell(POLIS, self.directory.name, 5, flags)
        self.addCleanup(cell.kill)
        cell.start()
        cell.wait_ready()
        return cell

    def polis(self, *args, rc=0):
        done = subprocess.run([POLIS, *args], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, rc, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_two_of_five_commit_and_four_elect(self):
        cell = self.cell_of("--protocol", "paxos", "--quorum", "flexible:4,2")
        said = self.polis("cell", "quorum", "explain", "-e", cell.endpoints)
        self.assertIn("quorum flexible:4,2 of 5 voters", said)
        self.assertRegex(said, r"writes(.|\n)*loss of any 3(.|\n)*election(.|\n)*loss of any 1")
        master = cell.master()
        followers = [r for r in cell.replicas if r is not master]
        for follower in followers[:3]:
            follower.kill()
        self.polis("kv", "put", "-e", master.client, "k", "written by two")
        self.assertIn("takes writes, but stops as soon as its master does", self.polis("doctor", "-e", master.client, "--watch-clocks", "0.1", rc=1))
        master.kill()
        # Nobody can be elected by one alone, nor by three.
        for follower in followers[:2]:
            follower.start()
        self.polis("kv", "put", "-e", followers[3].client, "--timeout", "3", "other", "by nobody", rc=1)
        self.assertIn("nobody can be elected master: 3 of 5 voters answer", self.polis("doctor", "-e", followers[3].client, "--watch-clocks", "0.1", rc=1))
        followers[2].start()
        self.assertEqual(self.polis("kv", "get", "-e", cell.endpoints, "--timeout", "20", "--value-only", "k").strip(), "written by two")

    def test_a_change_after_which_quorums_would_not_meet_is_refused(self):
        cell = self.cell_of("--protocol", "paxos", "--quorum", "flexible:4,2")
        sixth = Replica(cell, "f", *free_ports(2))
        cell.replicas.append(sixth)
        self.polis("cell", "add", "f=" + sixth.peer, "--learner", "-e", cell.endpoints)
        sixth.join()
        sixth.wait_serving()
        deadline = time.monotonic() + 20
        while "has not caught up" in (said := self.polis("cell", "promote", "f", "-e", cell.replicas[0].client, rc=1)):
            self.assertLess(time.monotonic(), deadline, said)
        self.assertRegex(said, "[a-f], [a-f] could commit what [a-f], [a-f], [a-f], [a-f], electing")
        # Without one of the five any four and any two still meet. Whoever is asked may be the one that leaves.
        said = self.polis("cell", "remove", "a", "-e", cell.replicas[0].client + "," + cell.replicas[1].client)
        self.assertNotRegex(said, r"(?m)^a ")

    def test_two_of_three_places_decide(self):
        cell = self.cell_of("--quorum", "places", "--places", "a=rome,b=rome,c=oslo,d=oslo,e=wien")
        self.assertIn("without rome     goes on", self.polis("cell", "quorum", "explain", "-e", cell.endpoints))
        cell.replicas[0].kill()
        cell.replicas[1].kill()
        self.polis("kv", "put", "-e", cell.replicas[4].client, "--timeout", "20", "k", "without rome")
        cell.replicas[4].kill()  # three of five would be a majority; one of three places is none
        cell.replicas[0].start()
        self.polis("kv", "put", "-e", cell.replicas[2].client, "--timeout", "3", "other", "by one place", rc=1)
        cell.replicas[1].start()
        self.polis("kv", "put", "-e", cell.replicas[2].client, "--timeout", "20", "k", "by two")
        sixth = Replica(cell, "f", *free_ports(2))
        cell.replicas[4].start()
        cell.replicas.append(sixth)
        self.polis("cell", "add", "f=" + sixth.peer, "--place", "wien", "--wait", "0", "-e", cell.endpoints)
        sixth.join()
        deadline = time.monotonic() + 20
        while "of 6 voters" not in (said := self.polis("cell", "quorum", "explain", "-e", cell.endpoints)):
            self.assertLess(time.monotonic(), deadline, said)

    def test_quorums_that_do_not_meet_are_refused_by_name(self):
        initial = "a=127.0.0.1:1,b=127.0.0.1:2,c=127.0.0.1:3"
        said = self.polis("cell", "run", "--name", "a", "--initial", initial, "--protocol", "paxos", "--quorum", "flexible:1,2",
                          "--data-dir", os.path.join(self.directory.name, "x"), rc=2)
        self.assertRegex(said, "could commit what [abc], electing another master, would never hear of")
        self.assertIn("flexible is for protocol paxos", self.polis("cell", "run", "--name", "a", "--initial", initial, "--quorum", "flexible:2,2", rc=2))
        self.assertIn("nobody has said in which place", self.polis("cell", "run", "--name", "a", "--initial", initial, "--quorum", "places", rc=2))


if __name__ == "__main__":
    unittest.main(verbosity=1)
