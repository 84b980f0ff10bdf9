#!/usr/bin/python3
"""Who takes part changes while clients write: real processes, our own commands and etcdctl."""

import json
import os
import re
import subprocess
import tempfile
import threading
import time
import unittest

from cell_process import Cell, Replica, Writer, free_ports

POLIS = os.environ["POLIS"]


class MembershipTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.cell = Cell(POLIS, self.temporary.name, 3)
        self.cell.start()
        self.cell.wait_ready()

    def tearDown(self):
        self.cell.kill()
        self.temporary.cleanup()

    def polis(self, *args, rc=0, endpoints=None):
        done = subprocess.run([POLIS, *args, "-e", endpoints or self.endpoints()], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, rc, f"{args}\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def endpoints(self):
        return ",".join(r.client for r in self.cell.replicas if r.alive())

    def members(self):
        return {m["name"]: m for m in json.loads(self.polis("cell", "members", "-o", "json"))["members"]}

    def newcomer(self, name):
        """A replica that is not started, with addresses of its own."""
        client, peer = free_ports(2)
        replica = Replica(self.cell, name, client, peer)
        self.cell.replicas.append(replica)
        return replica

    def wait_ended(self, replica, timeout=15):
        return replica.process.wait(timeout)

    def read_back(self, keys):
        for key in keys:
            self.polis("kv", "get", key)

    def wait_acknowledged(self, writer, more):
        """Until so many more writes are. Each is a process of its own, and a busy machine starts few of them in the 0.4 s of a replacement."""
        wanted, deadline = len(writer.acknowledged) + more, time.monotonic() + 30
        while len(writer.acknowledged) < wanted:
            self.assertLess(time.monotonic(), deadline, writer.failed)
            time.sleep(0.01)  # between two looks at what another thread does

    def test_a_dead_replica_is_replaced_while_clients_write(self):
        writer = Writer(POLIS, self.endpoints)
        writer.start()
        try:
            self.wait_acknowledged(writer, 2)
            victim = next(r for r in self.cell.replicas if r is not self.cell.master())
            victim.kill()
            newcomer = self.newcomer("d")
            added = threading.Thread(target=lambda: self.assertIn(
                "takes the place of", self.polis("cell", "replace", victim.name, "--with", f"d={newcomer.peer}")))
            added.start()
            deadline = time.monotonic() + 20
            while "d" not in self.members():
                self.assertLess(time.monotonic(), deadline)
            newcomer.join()
            added.join(30)
            self.assertFalse(added.is_alive())
            # The second one began behind the replacement.
            self.wait_acknowledged(writer, 2)
        finally:
            writer.stop.set()
            writer.join()
        members = self.members()
        self.assertEqual(set(members), ({"a", "b", "c"} - {victim.name}) | {"d"})
        self.assertTrue(all(m["voter"] for m in members.values()))
        self.read_back(writer.acknowledged[:: max(1, len(writer.acknowledged) // 20)])
        # The new one counts: with it, one of the old ones may die.
        other = next(r for r in self.cell.replicas if r.alive() and r.name != "d")
        other.kill()
        self.polis("kv", "put", "after", "x")
        # Who was replaced finds that out when it comes back, and does not come back twice.
        other.start()
        victim.start()
        # Its log may still reach the entry that says so, or the others tell it.
        self.assertIn(self.wait_ended(victim), (0, 1))
        self.assertRegex(victim.log(), "is no member of the cell any more|was removed from the cell")

    def test_a_replica_with_a_damaged_log_is_rebuilt_from_the_others(self):
        for i in range(20):
            self.polis("kv", "put", f"k{i}", "v")
        damaged = next(r for r in self.cell.replicas if r is not self.cell.master())
        damaged.kill()
        log = os.path.join(damaged.directory, "wal", "000000000001.wal")
        with open(log, "r+b") as f:
            f.seek(2000)
            f.write(b"\xff" * 64)
        damaged.start()
        self.assertEqual(self.wait_ended(damaged), 1)
        self.assertIn(f"polis cell repair {damaged.name}", damaged.log())
        self.polis("cell", "repair", damaged.name, "--wait", "0")
        os.rename(damaged.directory, damaged.directory + ".damaged")
        waiting = subprocess.Popen([POLIS, "cell", "repair", damaged.name, "--wait", "30", "-e", self.endpoints()],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        damaged.join()
        self.assertRegex(waiting.communicate(timeout=60)[0], rf"(?m)^{damaged.name} .*voter$")
        self.assertRegex(self.polis("cell", "repair", damaged.name, rc=1), "nothing to repair|just started")
        self.assertEqual(len(self.members()), 3)
        self.assertEqual(self.polis("kv", "get", "--prefix", "k", "--count-only", endpoints=damaged.client).strip(), "20")

    def test_the_master_itself_can_be_removed(self):
        master = self.cell.master()
        said = self.polis("cell", "remove", master.name, endpoints=master.client)
        self.assertNotRegex(said, rf"(?m)^{master.name} ")
        self.assertEqual(self.wait_ended(master), 0)
        self.assertNotEqual(self.cell.master().name, master.name)
        self.polis("kv", "put", "x", "y")
        again = subprocess.run([POLIS, "cell", "run", "--name", master.name, "--data-dir", master.directory, "--client", master.client,
                                "--peer", master.peer, "--initial", self.cell.initial], capture_output=True, text=True, timeout=20)
        self.assertEqual(again.returncode, 2)
        self.assertIn("was removed from cell 'polis'", again.stdout + again.stderr)

    def test_a_change_that_would_lose_the_quorum_is_refused_with_what_is_allowed(self):
        master = self.cell.master()
        dead, other = [r for r in self.cell.replicas if r is not master]
        dead.kill()
        deadline = time.monotonic() + 10
        while self.heard_us_ago(dead) < 200_000:  # until the master has noticed
            self.assertLess(time.monotonic(), deadline)
        said = self.polis("cell", "remove", other.name, rc=1)
        self.assertIn(f"would have to answer, and {dead.name} does not; allowed is to bring back, remove or replace: {dead.name}", said)
        self.polis("cell", "remove", dead.name)
        self.assertEqual(set(self.members()), {master.name, other.name})

    def heard_us_ago(self, replica):
        done = subprocess.run([POLIS, "cell", "status", "-e", self.endpoints(), "-o", "json"], capture_output=True, text=True)
        return next(m["heard_us_ago"] for m in json.loads(done.stdout) if m["name"] == replica.name)

    def test_a_cell_of_one_grows_and_shrinks_under_etcdctl(self):
        directory = self.temporary.name + "/one"
        one = Cell(POLIS, directory, 1)
        self.cell.kill()
        self.cell = one
        one.start()
        one.wait_ready()

        def etcdctl(*args):
            done = subprocess.run(["etcdctl", "--endpoints", one.replicas[0].client, *args], capture_output=True, text=True,
                                  env={**os.environ, "ETCDCTL_API": "3"}, timeout=30)
            return done.returncode, done.stdout + done.stderr

        self.polis("kv", "put", "x", "y")
        newcomer = self.newcomer("b")
        rc, said = etcdctl("member", "add", "b", "--learner", "--peer-urls", f"http://{newcomer.peer}")
        self.assertEqual(rc, 0, said)
        identity = re.search(r"Member\s+(\w+) added", said).group(1)
        rc, said = etcdctl("member", "promote", identity)
        self.assertEqual(rc, 1)
        self.assertIn("can only promote a learner member which is in sync with leader", said)
        rc, said = etcdctl("member", "add", "again", "--peer-urls", f"http://{newcomer.peer}")
        self.assertIn("Peer URLs already exists", said)
        rc, said = etcdctl("member", "add", "wrong", "--peer-urls", "nonsense")
        self.assertNotEqual(rc, 0)
        newcomer.join()
        newcomer.wait_serving()
        deadline = time.monotonic() + 20
        while etcdctl("member", "promote", identity)[0] != 0:
            self.assertLess(time.monotonic(), deadline)
        rc, said = etcdctl("member", "list")
        self.assertEqual(said.count("started"), 2, said)
        self.assertEqual(self.polis("kv", "get", "--value-only", "x", endpoints=newcomer.client).strip(), "y")
        rc, said = etcdctl("member", "remove", identity)
        self.assertEqual(rc, 0, said)
        self.assertEqual(self.wait_ended(newcomer), 0)
        rc, said = etcdctl("member", "remove", "1234")
        self.assertIn("member not found", said)
        self.polis("kv", "put", "x", "z", endpoints=one.replicas[0].client)

    def test_who_lost_its_disk_cannot_come_back_as_the_voter_it_was(self):
        lost = next(r for r in self.cell.replicas if r is not self.cell.master())
        lost.kill()
        os.rename(lost.directory, lost.directory + ".lost")
        lost.join()
        self.assertEqual(self.wait_ended(lost), 2)
        self.assertIn(f"polis cell repair {lost.name}", lost.log())

    def test_a_founder_that_lost_its_disk_does_not_vote_as_if_nothing_had_been(self):
        lost = next(r for r in self.cell.replicas if r is not self.cell.master())
        deadline = time.monotonic() + 20
        while any(not m.get("client") for m in self.members().values()):  # all have said that they are here
            self.assertLess(time.monotonic(), deadline)
        lost.kill()
        os.rename(lost.directory, lost.directory + ".lost")
        lost.start()
        self.assertEqual(self.wait_ended(lost), 1)
        self.assertIn(f"comes with an empty data directory; rebuild it: polis cell repair {lost.name}", lost.log())

    def test_who_was_not_added_cannot_join(self):
        stranger = self.newcomer("z")
        stranger.join()
        self.assertEqual(self.wait_ended(stranger), 2)
        self.assertIn(f"add it first: polis cell add z={stranger.peer}", stranger.log())


if __name__ == "__main__":
    unittest.main()
