#!/usr/bin/python3
"""Full disks: what frees space goes on, a cell with one full replica serves everything, and every member says so."""

import json
import os
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from cell_process import Cell

POLIS = os.environ["POLIS"]
PATIENCE = 30
MIB = 1 << 20


class FullDiskTest(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root for tmpfs")
        self.temporary = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.mounts, self.cell = [], None

    def tearDown(self):
        if self.cell is not None:
            self.cell.kill()
        for mount in self.mounts:
            subprocess.run(["umount", mount], check=True)
        self.temporary.cleanup()

    def mount(self, path, size):
        os.makedirs(path, exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], capture_output=True, check=False).returncode != 0:
            self.skipTest("needs tmpfs")
        self.mounts.append(path)

    def start(self, size, small, bytes_of_small):
        """A cell in which the replicas named in `small` have disks of that many bytes."""
        self.cell = Cell(POLIS, self.temporary.name, size)
        for replica in self.cell.replicas:
            if replica.name in small:
                self.mount(replica.directory, bytes_of_small)
        self.cell.start()
        self.cell.wait_ready()

    def leave(self, replica, free):
        """Fills the replica's disk up to so many free bytes."""
        s = os.statvfs(replica.directory)
        with open(replica.directory + "/ballast", "ab") as f:
            for _ in range(max(0, s.f_bavail * s.f_frsize - free) // MIB):
                f.write(b"\0" * MIB)

    def polis(self, *args, endpoints=None):
        verb = list(args[:2])
        return subprocess.run([POLIS, *verb, "-e", endpoints or self.cell.endpoints, "--timeout", "5", *args[2:]], capture_output=True, text=True, check=False)

    def etcdctl(self, *args, endpoints=None):
        return subprocess.run(["etcdctl", "--endpoints", endpoints or self.cell.endpoints, *args], env=dict(os.environ, ETCDCTL_API="3"),
                              capture_output=True, text=True, check=False)

    def page(self, replica, path):
        try:
            with urllib.request.urlopen(f"http://{replica.client}{path}", timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)

    def revision(self):
        return json.loads(self.etcdctl("get", "x", "-w", "json").stdout)["header"]["revision"]

    def alarmed(self, replica):
        return "NOSPACE" in self.etcdctl("alarm", "list", endpoints=replica.client).stdout

    def test_a_full_cell_of_one_takes_its_remedy_and_ends_leases(self):
        self.start(1, "a", 300 * MIB)
        replica = self.cell.replicas[0]
        for i in range(70):
            self.assertEqual(subprocess.run([POLIS, "kv", "put", "-e", replica.client, f"big/{i}"], input=b"v" * 1_000_000, capture_output=True, check=False).returncode, 0)
        lease = self.etcdctl("lease", "grant", "5").stdout.split()[1]
        other = self.etcdctl("lease", "grant", "600").stdout.split()[1]
        self.assertIn("OK", self.etcdctl("put", "lock", "held", f"--lease={lease}").stdout)
        self.leave(replica, 75 * MIB)
        self.until(lambda: "database space exceeded" in self.polis("kv", "put", "k", "v").stderr, "a full disk refuses a put")
        self.assertTrue(self.alarmed(replica))
        self.assertEqual(self.page(replica, "/health"), (503, '{"health":"false","reason":"ALARM NOSPACE"}\n'))
        self.assertEqual(self.page(replica, "/health?exclude=NOSPACE")[0], 200)
        self.assertEqual(self.page(replica, "/readyz")[0], 200)
        self.assertNotEqual(self.etcdctl("lease", "grant", "5").returncode, 0)
        # The remedy, and what holds nothing up: a lock whose holder has gone is free again.
        self.until(lambda: "held" not in self.polis("kv", "get", "lock").stdout, "the lease ends")
        self.assertIn("revoked", self.etcdctl("lease", "revoke", other).stdout)
        for prefix in ("big/1", "big/2", "big/3", "big/4", "big/5", "big/6", "big/"):
            deleted = self.polis("kv", "del", "--prefix", prefix)
            self.assertEqual(deleted.returncode, 0, deleted.stderr)
        compacted = self.etcdctl("compact", str(self.revision()))
        self.assertEqual(compacted.returncode, 0, compacted.stderr)
        self.until(lambda: self.polis("kv", "put", "k", "v").returncode == 0, "what compaction freed is used again")
        self.until(lambda: not self.alarmed(replica), "the alarm ends")

    def test_compaction_by_itself_goes_on(self):
        self.cell = Cell(POLIS, self.temporary.name, 1, flags=["--compact-keep-revisions", "1"])
        replica = self.cell.replicas[0]
        self.mount(replica.directory, 200 * MIB)
        self.cell.start()
        self.cell.wait_ready()
        for i in range(5):
            self.assertEqual(self.polis("kv", "put", f"k{i}", "v").returncode, 0)
        self.leave(replica, 75 * MIB)
        self.until(lambda: self.alarmed(replica), "the disk is full")
        revision = self.revision()
        for i in range(5):
            self.polis("kv", "del", f"k{i}")
        self.until(lambda: "compacted" in self.polis("kv", "get", "k", "--revision", str(revision)).stderr, "old revisions go")

    def test_one_full_replica_of_three_passes_writes_on_and_hands_over(self):
        self.start(3, "b", 200 * MIB)
        full = self.cell.replicas[1]
        if self.cell.master() is not full:
            self.etcdctl("move-leader", next(line.split(",")[0] for line in self.etcdctl("member", "list").stdout.splitlines() if ", b," in line),
                         endpoints=self.cell.master().client)
            self.until(lambda: self.cell.master() is full, "b is master")
        self.leave(full, 75 * MIB)
        self.until(lambda: all(self.alarmed(r) for r in self.cell.replicas), "every member lists the alarm")
        self.until(lambda: self.cell.master() is not full, "a full master hands over")
        for i in range(12):
            put = self.polis("kv", "put", f"k{i}", "v", endpoints=full.client)
            self.assertEqual(put.returncode, 0, put.stderr)
        for replica in self.cell.replicas:
            self.assertIn("ALARM NOSPACE", self.page(replica, "/health")[1])
            self.assertEqual(self.page(replica, "/readyz")[0], 200)
        # Without any reserve it stands still, and comes back by itself.
        self.leave(full, 10 * MIB)
        self.until(lambda: "used up" in full.log(), "it says so")
        for i in range(30):
            put = subprocess.run([POLIS, "kv", "put", "-e", self.cell.replicas[0].client, f"more{i}"], input=b"v" * 1_000_000, capture_output=True, check=False)
            self.assertEqual(put.returncode, 0, put.stderr)
        self.assertTrue(full.alive())
        os.remove(full.directory + "/ballast")
        self.until(lambda: "more29" in self.polis("kv", "get", "--serializable", "--keys-only", "more29", endpoints=full.client).stdout, "it has caught up")
        self.until(lambda: not any(self.alarmed(r) for r in self.cell.replicas), "no member lists an alarm")


if __name__ == "__main__":
    unittest.main(verbosity=1)
