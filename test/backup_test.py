#!/usr/bin/python3
"""A cell is backed up while it serves, and a new one begins with what was saved. History is compacted by itself."""

import json
import os
import subprocess
import tempfile
import time
import unittest

from cell_process import Cell, protocol_flags

POLIS, LOAD = os.environ["POLIS"], os.environ["POLIS_LOAD"]


class BackupTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.directory = self.temporary.name
        self.cells = []

    def tearDown(self):
        for cell in self.cells:
            cell.kill()
        self.temporary.cleanup()

    def cell(self, name, size=3, flags=()):
        cell = Cell(POLIS, os.path.join(self.directory, name), size, flags)
        self.cells.append(cell)
        return cell

    def polis(self, *args, rc=0):
        done = subprocess.run([POLIS, *args], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, rc, f"{args}\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def snapshot(self, *args, rc=0):
        return self.polis("cell", "snapshot", *args, rc=rc)

    def everything(self, replica, revision):
        return self.polis("kv", "get", "-e", replica.client, "--timeout", "20", "--prefix", "", "--revision", str(revision))

    def test_a_backup_taken_under_load_founds_a_new_cell(self):
        old = self.cell("old")
        old.start()
        old.wait_ready()
        self.polis("kv", "put", "-e", old.endpoints, "acknowledged", "before the backup")
        kept, ends = (self.polis("lease", "grant", "-e", old.endpoints, ttl).split()[1] for ttl in ("600", "10"))
        self.polis("kv", "put", "-e", old.endpoints, "--lease", ends, "short-lived", "x")
        load = subprocess.Popen([LOAD, "--endpoints", old.endpoints, "--clients", "50", "--connections", "6", "--seconds", "3", "--warmup", "0",
                                 "--keys", "3000"], stdout=subprocess.PIPE, text=True)
        time.sleep(1)  # into the load
        file = os.path.join(self.directory, "saved")
        info = json.loads(self.snapshot("save", file, "-e", old.replicas[1].client, "-o", "json"))
        report = json.loads(load.communicate(timeout=30)[0])
        self.assertEqual(report["failed"], 0)
        self.assertFalse(os.path.exists(file + ".part"))
        self.assertEqual(os.listdir(old.replicas[1].directory + "/snapshots"), [])
        self.assertEqual(json.loads(self.snapshot("verify", file, "-o", "json"))["revision"], info["revision"])
        self.assertGreater(info["revision"], 100)

        new = self.cell("new", flags=["--cluster", "restored"])
        for replica in new.replicas:
            self.assertIn("holds the state of revision", self.snapshot(
                "restore", file, "--name", replica.name, "--data-dir", replica.directory, "--cluster", "restored", "--initial", new.initial, *protocol_flags()))
        self.assertIn("is not empty", self.snapshot(
            "restore", file, "--name", "a", "--data-dir", new.replicas[0].directory, "--cluster", "restored", "--initial", new.initial, rc=2))
        new.start()
        new.wait_ready()
        saved = self.everything(old.replicas[0], info["revision"])
        self.assertIn("before the backup", saved)
        for replica in new.replicas:
            self.assertEqual(self.everything(replica, info["revision"]), saved)
        # Leases go on, and end: the new cell's masters decide, and terms are counted anew.
        self.polis("lease", "keepalive", "-e", new.endpoints, "--once", kept)
        deadline = time.monotonic() + 40
        while "short-lived" in self.polis("kv", "get", "-e", new.endpoints, "--timeout", "10", "--prefix", "", "--keys-only"):
            self.assertLess(time.monotonic(), deadline, "a lease of a restored cell never ends")
        # It is a cell like any other, with members of its own.
        self.polis("kv", "put", "-e", new.endpoints, "after", "x")
        new.master().kill()
        self.polis("kv", "put", "-e", ",".join(r.client for r in new.replicas if r.alive()), "--timeout", "10", "and", "on")
        self.assertEqual(self.polis("kv", "get", "-e", old.endpoints, "after", rc=1).strip(), "")

    def test_a_damaged_backup_is_refused_by_place(self):
        one = self.cell("one", 1)
        one.start()
        one.wait_ready()
        for i in range(20):
            self.polis("kv", "put", "-e", one.endpoints, f"k{i}", "value")
        file = os.path.join(self.directory, "saved")
        self.snapshot("save", file, "-e", one.endpoints)
        with open(file, "r+b") as f:
            f.seek(os.path.getsize(file) // 2)
            byte = f.read(1)
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte[0] ^ 1]))
        self.assertIn("fails its checksum", self.snapshot("verify", file, rc=1))
        target = os.path.join(self.directory, "restored")
        self.assertIn("fails its checksum", self.snapshot("restore", file, "--data-dir", target, rc=1))
        self.assertFalse(os.path.exists(target))
        with open(file, "r+b") as f:
            f.truncate(os.path.getsize(file) - 5)
        self.snapshot("verify", file, rc=1)
        self.assertIn("absent", self.snapshot("verify", os.path.join(self.directory, "absent"), rc=1))
        self.assertNotEqual(subprocess.run([POLIS, "cell", "snapshot", "save", "/nowhere/x", "-e", one.endpoints], capture_output=True).returncode, 0)

    def test_history_is_compacted_by_itself(self):
        one = self.cell("compacted", 1, ["--compact-keep-revisions", "100"])
        one.start()
        one.wait_ready()
        subprocess.run([LOAD, "--endpoints", one.endpoints, "--clients", "10", "--connections", "2", "--operations", "2000", "--keys", "10"],
                       check=True, capture_output=True)
        deadline = time.monotonic() + 20
        while True:
            done = subprocess.run([POLIS, "kv", "get", "-e", one.endpoints, "--prefix", "", "--revision", "1500"], capture_output=True, text=True)
            if "has been compacted" in done.stderr:
                break
            self.assertLess(time.monotonic(), deadline)
        self.polis("kv", "get", "-e", one.endpoints, "--prefix", "", "--revision", "1920")


if __name__ == "__main__":
    unittest.main()
