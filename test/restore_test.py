#!/usr/bin/python3
"""A restored cell is another one than the one that was backed up; and what to do when the quorum is lost for good."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

from cell_process import Cell, protocol_flags

POLIS = os.environ["POLIS"]
PROTOCOL = os.environ.get("FOUNDED_WITH") or "raft"
OTHER = "paxos" if PROTOCOL == "raft" else "raft"


class RestoreTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.directory = self.temporary.name
        self.file = os.path.join(self.directory, "saved")
        self.cells = []

    def tearDown(self):
        for cell in self.cells:
            cell.kill()
        self.temporary.cleanup()

    def cell(self, size, name="cell", flags=()):
        cell = Cell(POLIS, os.path.join(self.directory, name), size, flags)
        self.cells.append(cell)
        cell.start()
        cell.wait_ready()
        return cell

    def polis(self, *args, rc=0):
        done = subprocess.run([POLIS, *args], capture_output=True, text=True, timeout=90)
        self.assertEqual(done.returncode, rc, f"{args}\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def put(self, endpoints, key, value):
        self.polis("kv", "put", "-e", endpoints, "--timeout", "20", key, value)

    def get(self, endpoints, key):
        return self.polis("kv", "get", "-e", endpoints, "--timeout", "20", "--value-only", key).strip()

    def cluster_id(self, replica):
        done = subprocess.run(["etcdctl", "--endpoints", replica.client, "member", "list", "-w", "json"], capture_output=True, text=True,
                              env={**os.environ, "ETCDCTL_API": "3"}, timeout=20, check=True)
        return json.loads(done.stdout)["header"]["cluster_id"]

    def restore(self, replica, *more, rc=0):
        """Into a new directory in the place of the old one, which is kept beside it."""
        if os.path.exists(replica.directory):
            os.rename(replica.directory, replica.directory + ".old")
        return self.polis("cell", "snapshot", "restore", self.file, "--name", replica.name, "--data-dir", replica.directory, "--peer", replica.peer,
                          "--initial", replica.cell.initial, *more, rc=rc)

    def stop_all(self, cell):
        for replica in cell.replicas:
            replica.kill()

    def wait_logged(self, replica, text, timeout=30):
        deadline = time.monotonic() + timeout
        while text not in replica.log():
            self.assertLess(time.monotonic(), deadline, replica.log()[-2000:])
            time.sleep(0.05)  # between two looks

    def test_a_directory_of_the_old_cell_cannot_join_the_restored_one(self):
        cell = self.cell(3)
        a, b, leftover = cell.replicas
        old_id = self.cluster_id(a)
        self.put(cell.endpoints, "k", "in the backup")
        self.polis("cell", "snapshot", "save", self.file, "-e", cell.endpoints)
        self.put(cell.endpoints, "k", "behind the backup")
        self.stop_all(cell)
        for replica in (a, b):
            self.restore(replica)
        leftover.start()
        a.start()
        # One restored and one leftover are no quorum of anything.
        self.wait_logged(leftover, "belongs to another cell")
        self.polis("kv", "get", "-e", f"{a.client},{leftover.client}", "--timeout", "2", "k", rc=1)
        b.start()
        cell.wait_ready()
        self.assertEqual(self.get(f"{a.client},{b.client}", "k"), "in the backup")
        self.put(f"{a.client},{b.client}", "k", "goes on")
        self.polis("kv", "get", "-e", leftover.client, "--timeout", "2", "k", rc=1)
        self.assertNotEqual(self.cluster_id(a), old_id)
        self.assertEqual(self.cluster_id(a), self.cluster_id(b))

    def test_the_old_cell_does_not_take_a_restored_replica_in(self):
        cell = self.cell(3)
        restored = cell.replicas[0]
        self.put(cell.endpoints, "k", "in the backup")
        self.polis("cell", "snapshot", "save", self.file, "-e", cell.endpoints)
        self.stop_all(cell)
        self.restore(restored)
        cell.start()
        for replica in cell.replicas[1:]:
            replica.wait_serving()
        rest = ",".join(r.client for r in cell.replicas[1:])
        self.put(rest, "k", "of the old cell")
        self.wait_logged(restored, "belongs to another cell")
        self.polis("kv", "get", "-e", restored.client, "--timeout", "2", "k", rc=1)

    def test_protocol_quorum_and_places_are_the_backups(self):
        cell = self.cell(3, flags=["--quorum", "places", "--places", "a=rome,b=oslo,c=wien"])
        self.put(cell.endpoints, "k", "v")
        self.polis("cell", "snapshot", "save", self.file, "-e", cell.endpoints)
        info = json.loads(self.polis("cell", "snapshot", "verify", self.file, "-o", "json"))
        self.assertEqual((info["quorum"], info["protocol"]), ("places", PROTOCOL))
        self.stop_all(cell)
        a = cell.replicas[0]
        self.assertIn(f"of a cell with protocol {PROTOCOL}", self.restore(a, "--protocol", OTHER, rc=2))
        self.assertIn("of a cell with quorum places", self.restore(a, "--quorum", "majority", rc=2))
        self.assertIn("'a' is in 'rome'", self.restore(a, "--places", "a=bern", rc=2))
        self.assertFalse(os.path.exists(a.directory))
        for replica in cell.replicas:
            self.restore(replica)
        cell.flags = []
        self.assertIn("was founded with protocol", self.refused(a, "--protocol", OTHER))
        self.assertIn("was founded with quorum places", self.refused(a, "--quorum", "majority"))
        self.assertIn("to be in 'rome'", self.refused(a, "--places", "a=bern,b=oslo,c=wien", "--quorum", "places"))
        cell.start()
        cell.wait_ready()
        members = json.loads(self.polis("cell", "members", "-e", cell.endpoints, "-o", "json"))
        self.assertEqual(members["quorum"], "places")
        self.assertEqual({m["name"]: m["place"] for m in members["members"]}, {"a": "rome", "b": "oslo", "c": "wien"})

    def refused(self, replica, *more):
        done = subprocess.run([POLIS, "cell", "run", "--name", replica.name, "--data-dir", replica.directory, "--client", replica.client,
                               "--peer", replica.peer, "--initial", replica.cell.initial, *more], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_watchers_that_have_seen_more_are_told(self):
        cell = self.cell(1)
        one = cell.replicas[0]
        for i in range(5):
            self.put(one.client, "k", f"v{i}")
        self.polis("cell", "snapshot", "save", self.file, "-e", one.client)
        for i in range(50):
            self.put(one.client, "k", f"lost{i}")
        self.stop_all(cell)
        for wrong in (["--bump-revision", "1000"], ["--mark-compacted"]):
            self.assertIn("need each other", self.restore(one, *wrong, rc=2))
        self.restore(one, "--bump-revision", "1000", "--mark-compacted")
        one.start()
        cell.wait_ready()
        # A watcher goes on from where it was.
        watch = subprocess.run([POLIS, "kv", "watch", "-e", one.client, "k", "--start", "50", "--events", "1"], capture_output=True, text=True, timeout=30)
        self.assertNotEqual(watch.returncode, 0)
        self.assertIn("compacted", watch.stdout + watch.stderr)
        self.assertIn("compacted", self.polis("kv", "get", "-e", one.client, "k", "--revision", "50", rc=1))
        self.assertEqual(self.get(one.client, "k"), "v4")
        self.put(one.client, "k", "new")
        self.assertEqual(self.get(one.client, "k"), "new")
        answer = json.loads(self.polis("kv", "get", "-e", one.client, "k", "-o", "json"))
        self.assertEqual(int(answer["kvs"][0]["mod_revision" if "mod_revision" in answer["kvs"][0] else "modRevision"]), 1007)

    def test_the_state_of_a_stopped_replica_is_saved(self):
        cell = self.cell(3)
        a = cell.replicas[0]
        self.put(cell.endpoints, "k", "v")
        self.put(a.client, "l", "w")
        self.assertIn("is in use by another polis process", self.polis("cell", "snapshot", "save", self.file, "--data-dir", a.directory, rc=1))
        self.stop_all(cell)
        self.assertIn("no data directory", self.polis("cell", "snapshot", "save", self.file, "--data-dir", self.directory, rc=1))
        self.assertIn("whole", self.polis("cell", "snapshot", "save", self.file, "--data-dir", a.directory))
        # It was only looked at.
        cell.start()
        cell.wait_ready()
        self.put(a.client, "m", "x")
        self.stop_all(cell)
        for replica in cell.replicas:
            self.restore(replica)
        cell.start()
        cell.wait_ready()
        self.assertEqual(self.get(cell.endpoints, "k"), "v")
        self.polis("kv", "get", "-e", cell.endpoints, "--timeout", "20", "m", rc=1)  # behind the backup

    def test_a_state_is_saved_without_its_log(self):
        cell = self.cell(1)
        one = cell.replicas[0]
        self.put(one.client, "k", "v")
        self.assertEqual(one.stop(), 0)
        shutil.rmtree(one.directory + "/wal")
        self.assertIn("--without-log", self.polis("cell", "snapshot", "save", self.file, "--data-dir", one.directory, rc=1))
        self.polis("cell", "snapshot", "save", self.file, "--data-dir", one.directory, "--without-log")
        self.restore(one)
        one.start()
        cell.wait_ready()
        self.assertEqual(self.get(one.client, "k"), "v")

    def test_one_survivor_goes_on_when_the_quorum_is_lost_for_good(self):
        cell = self.cell(3)
        survivor, dead, _ = cell.replicas
        for i in range(20):
            self.put(cell.endpoints, f"k{i}", "v")
        self.put(survivor.client, "through the survivor", "x")
        old_id = self.cluster_id(survivor)
        self.stop_all(cell)
        into = os.path.join(self.directory, "new")
        said = self.polis("cell", "recover", "--data-dir", survivor.directory, "--into", into, rc=1)
        for text in ("LOST IS each write", "Nothing was done", "replica 'a' of cell 'polis'"):
            self.assertIn(text, said)
        self.assertFalse(os.path.exists(into))
        said = self.polis("cell", "recover", "--data-dir", survivor.directory, "--into", into, "--accept-loss")
        self.assertIn("polis cell run --name a --cluster polis --data-dir " + into, said)
        self.assertIn("is not empty", self.polis("cell", "recover", "--data-dir", survivor.directory, "--into", into, "--accept-loss", rc=2))
        survivor.directory = into
        survivor.start()
        # The dead come back: they know the survivor's address and have a quorum without it.
        dead.start()
        deadline = time.monotonic() + 20
        while subprocess.run([POLIS, "kv", "get", "-e", survivor.client, "--timeout", "1", "x"], capture_output=True).returncode not in (0, 1):
            self.assertLess(time.monotonic(), deadline)
        survivor.wait_serving()
        self.assertEqual(self.get(survivor.client, "through the survivor"), "x")
        self.assertEqual(self.polis("kv", "get", "-e", survivor.client, "--timeout", "20", "--prefix", "k", "--count-only").strip(), "20")
        self.put(survivor.client, "goes", "on")
        self.assertNotEqual(self.cluster_id(survivor), old_id)
        self.polis("kv", "get", "-e", dead.client, "--timeout", "2", "goes", rc=1)
        # It grows again.
        dead.kill()
        shutil.rmtree(dead.directory)
        self.polis("cell", "add", f"{dead.name}={dead.peer}", "-e", survivor.client, "--wait", "0")
        cell.replicas = [survivor, dead]
        dead.join()
        dead.wait_serving()
        self.polis("cell", "add", f"{dead.name}={dead.peer}", "-e", survivor.client, "--timeout", "20", "--wait", "60")
        self.assertEqual(self.cluster_id(dead), self.cluster_id(survivor))
        self.assertEqual(self.get(dead.client, "goes"), "on")

    def test_cells_that_were_founded_apart_have_ids_of_their_own(self):
        ids = set()
        for name, size in (("one", 1), ("another", 1), ("three", 3), ("three more", 3)):
            cell = self.cell(size, name)
            own = {self.cluster_id(replica) for replica in cell.replicas}
            self.assertEqual(len(own), 1)
            ids |= own
            if name == "one":
                cell.replicas[0].kill()
                cell.replicas[0].start()
                cell.wait_ready()
                self.assertEqual({self.cluster_id(cell.replicas[0])}, own)
        self.assertEqual(len(ids), 4)


if __name__ == "__main__":
    unittest.main(verbosity=1)
