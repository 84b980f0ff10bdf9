#!/usr/bin/python3
"""Debian's etcdctl against a cell of three processes: every command of the API that is served."""

import json
import os
import select
import subprocess
import tempfile
import threading
import time
import unittest

from cell_process import Cell

POLIS = os.environ["POLIS"]


class EtcdctlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="polis-test-")
        cls.cell = Cell(POLIS, cls.directory.name)
        cls.cell.start()
        cls.cell.wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.cell.kill()
        cls.directory.cleanup()

    def ctl(self, *args, rc=0, stdin=None):
        done = subprocess.run(["etcdctl", "--endpoints", self.cell.endpoints, *args], env=dict(os.environ, ETCDCTL_API="3"),
                              capture_output=True, text=True, input=stdin, timeout=30)
        self.assertEqual(done.returncode, rc, done.stdout + done.stderr)
        return done.stdout if rc == 0 else done.stderr

    def background(self, *args):
        return subprocess.Popen(["etcdctl", "--endpoints", self.cell.endpoints, *args], env=dict(os.environ, ETCDCTL_API="3"),
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def revision(self):
        return json.loads(self.ctl("get", "none", "-w", "json"))["header"]["revision"]

    def test_put_get_del(self):
        self.assertEqual(self.ctl("put", "a/1", "one"), "OK\n")
        self.assertEqual(self.ctl("put", "--prev-kv", "a/1", "uno"), "OK\na/1\none\n")
        self.ctl("put", "a/2", "two")
        self.assertEqual(self.ctl("get", "a/1"), "a/1\nuno\n")
        self.assertEqual(self.ctl("get", "--prefix", "a/", "--keys-only").split(), ["a/1", "a/2"])
        self.assertEqual(self.ctl("get", "--prefix", "a/", "--order", "DESCEND", "--print-value-only"), "two\nuno\n")
        self.assertEqual(self.ctl("get", "--prefix", "a/", "--limit", "1"), "a/1\nuno\n")
        self.assertEqual(self.ctl("get", "--from-key", "a/2", "--limit", "1"), "a/2\ntwo\n")
        self.assertEqual(self.ctl("get", "--consistency", "s", "a/2"), "a/2\ntwo\n")
        self.assertEqual(self.ctl("put", "--ignore-value", "a/1"), "OK\n")
        self.assertEqual(self.ctl("del", "--prev-kv", "--prefix", "a/"), "2\na/1\nuno\na/2\ntwo\n")
        self.assertEqual(self.ctl("get", "--prefix", "a/"), "")

    def test_get_at_an_old_revision_and_after_compaction(self):
        self.ctl("put", "old", "1")
        revision = self.revision()
        self.ctl("put", "old", "2")
        self.assertEqual(self.ctl("get", "old", "--rev", str(revision)), "old\n1\n")
        self.assertIn("future revision", self.ctl("get", "old", "--rev", str(revision + 1000), rc=1))
        self.ctl("compact", str(revision + 1))
        self.assertIn("required revision has been compacted", self.ctl("get", "old", "--rev", str(revision), rc=1))
        self.assertIn("required revision has been compacted", self.ctl("compact", str(revision), rc=1))

    def test_txn(self):
        self.ctl("put", "t", "1")
        out = self.ctl("txn", stdin='value("t") = "1"\n\nput t 2\nget t\n\nput t wrong\n\n')
        self.assertEqual(out.split(), ["SUCCESS", "OK", "t", "2"])
        out = self.ctl("txn", stdin='version("none") > "0"\n\nput t wrong\n\ndel t\n\n')
        self.assertEqual(out.split(), ["FAILURE", "1"])

    def test_watch_past_and_present(self):
        self.ctl("put", "w/1", "before")
        revision = self.revision()
        watch = self.background("watch", "--prefix", "w/", "--rev", str(revision), "--prev-kv")
        try:
            expected = ["PUT", "w/1", "before"]
            self.assertEqual([watch.stdout.readline().strip() for _ in expected], expected)
            self.ctl("put", "w/2", "now")
            expected = ["PUT", "", "", "w/2", "now"]
            got = []
            while len([g for g in got if g]) < 3:
                got.append(watch.stdout.readline().strip())
            self.assertEqual([g for g in got if g], ["PUT", "w/2", "now"])
            self.ctl("del", "w/2")
            got = []
            while len([g for g in got if g]) < 4:
                got.append(watch.stdout.readline().strip())
            self.assertEqual([g for g in got if g], ["DELETE", "w/2", "now", "w/2"])
        finally:
            watch.kill()
            watch.wait()
            watch.stdout.close()

    def test_watch_of_a_compacted_revision_says_so(self):
        self.ctl("put", "c", "1")
        self.ctl("put", "c", "2")
        self.ctl("compact", str(self.revision()))
        watch = self.background("watch", "c", "--rev", "1")
        out, _ = watch.communicate(timeout=20)
        self.assertIn("compacted", out)

    def test_leases(self):
        granted = self.ctl("lease", "grant", "60")
        lease = granted.split()[1]
        self.assertIn("granted with TTL(60s)", granted)
        self.ctl("put", "leased", "x", "--lease", lease)
        self.assertIn(lease, self.ctl("lease", "list"))
        remaining = self.ctl("lease", "timetolive", lease, "--keys")
        self.assertIn("attached keys([leased])", remaining)
        self.assertIn("keepalived with TTL(60)", self.ctl("lease", "keep-alive", "--once", lease))
        self.assertIn("revoked", self.ctl("lease", "revoke", lease))
        self.assertEqual(self.ctl("get", "leased"), "")
        self.assertIn("already expired", self.ctl("lease", "timetolive", lease))
        self.assertIn("requested lease not found", self.ctl("lease", "revoke", lease, rc=1))
        self.assertIn("requested lease not found", self.ctl("put", "x", "y", "--lease", "1234", rc=1))

    def test_a_lease_that_is_not_renewed_ends_with_its_keys(self):
        lease = self.ctl("lease", "grant", "2").split()[1]
        self.ctl("put", "short", "x", "--lease", lease)
        watch = self.background("watch", "short")
        try:
            start = time.monotonic()
            self.assertEqual(watch.stdout.readline().strip(), "DELETE")
            self.assertLess(time.monotonic() - start, 10)
        finally:
            watch.kill()
            watch.wait()
            watch.stdout.close()

    def test_lock_and_election(self):
        held = self.background("lock", "the-lock")
        try:
            self.assertIn("the-lock/", held.stdout.readline())
            second = self.background("lock", "the-lock")
            ready, _, _ = select.select([second.stdout], [], [], 0.5)
            self.assertEqual(ready, [], "the lock was given twice")
            held.terminate()
            self.assertIn("the-lock/", second.stdout.readline())
            second.terminate()
            second.wait()
            second.stdout.close()
        finally:
            held.wait()
            held.stdout.close()
        elected = self.background("elect", "the-office", "candidate")
        try:
            self.assertIn("the-office/", elected.stdout.readline())
            self.assertEqual(elected.stdout.readline().strip(), "candidate")
        finally:
            elected.terminate()
            elected.wait()
            elected.stdout.close()

    def test_members_status_and_health(self):
        members = json.loads(self.ctl("member", "list", "-w", "json"))["members"]
        self.assertEqual(sorted(m["name"] for m in members), ["a", "b", "c"])
        self.assertEqual(len(self.agreed_on_leader()[0]), 3)
        for line in self.ctl("endpoint", "health").splitlines():
            self.assertIn("healthy", line)
        self.assertEqual(self.ctl("alarm", "list"), "")

    def test_hashes_agree(self):
        self.ctl("put", "h", "1")
        revision = self.revision()
        deadline = time.monotonic() + 10
        while True:
            hashes = json.loads(self.ctl("endpoint", "hashkv", "-w", "json"))
            if len({h["HashKV"]["hash"] for h in hashes if h["HashKV"]["header"]["revision"] >= revision}) == 1:
                return
            self.assertLess(time.monotonic(), deadline, hashes)

    def test_move_leader(self):
        status, leader = self.agreed_on_leader()
        endpoint = {s["Status"]["header"]["member_id"]: s["Endpoint"] for s in status}
        target = next(member for member in endpoint if member != leader)
        done = self.move_leader(endpoint[leader], target)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.agreed_on_leader(target)
        nobody = self.move_leader(endpoint[target], 0x1234)
        self.assertNotEqual(nobody.returncode, 0)
        self.assertIn("bad leader transferee", nobody.stderr)

    def move_leader(self, endpoint, target):
        return subprocess.run(["etcdctl", "--endpoints", endpoint, "move-leader", f"{target:x}"], env=dict(os.environ, ETCDCTL_API="3"),
                              capture_output=True, text=True)

    def agreed_on_leader(self, wanted=None):
        """The status of all endpoints, once they name the same leader. One that knows none for a moment has no such field."""
        deadline = time.monotonic() + 10
        while True:
            status = json.loads(self.ctl("endpoint", "status", "-w", "json"))
            leaders = {s["Status"].get("leader") for s in status}
            if len(leaders) == 1 and None not in leaders and wanted in (None, *leaders):
                return status, leaders.pop()
            self.assertLess(time.monotonic(), deadline, leaders)

    def test_many_values_of_all_sizes(self):
        for size in (1, 1000, 70_000, 1_000_000):
            self.ctl("put", f"size/{size}", stdin="v" * size)
            self.assertEqual(len(self.ctl("get", f"size/{size}", "--print-value-only").rstrip("\n")), size)
        self.assertIn("request is too large", self.ctl("put", "size/too-large", stdin="v" * 1_700_000, rc=1))

    def test_what_is_not_served_is_refused_by_name(self):
        self.assertIn("there is no access control yet", self.ctl("user", "add", "root:secret", rc=1))
        self.assertIn("root user does not exist", self.ctl("auth", "enable", rc=1))
        self.assertEqual(self.ctl("user", "list").strip(), "")

    def test_watchers_of_different_replicas_see_the_same(self):
        seen = []
        watches = [subprocess.Popen([POLIS, "kv", "watch", "-e", r.client, "--prefix", "same/", "--events", "20", "-o", "json"],
                                    stdout=subprocess.PIPE, text=True) for r in self.cell.replicas]
        threads = [threading.Thread(target=lambda w=w: seen.append(w.communicate()[0])) for w in watches]
        for t in threads:
            t.start()
        first = self.revision()
        for i in range(20):
            self.ctl("put", f"same/{i}", str(i))
        # A watch that began too late would wait for ever; let it end.
        deadline = time.monotonic() + 10
        while any(w.poll() is None for w in watches) and time.monotonic() < deadline:
            self.ctl("put", "same/more", "x")
        for t in threads:
            t.join(10)
        keys = []
        for text in seen:
            events = [e for line in text.splitlines() for e in json.loads(line).get("events", [])]
            keys.append({int(e["kv"]["mod_revision"]): e["kv"]["key"] for e in events if int(e["kv"]["mod_revision"]) > first})
        common = set(keys[0]) & set(keys[1]) & set(keys[2])
        self.assertGreater(len(common), 5)
        for revision in common:
            self.assertEqual(keys[0][revision], keys[1][revision])
            self.assertEqual(keys[0][revision], keys[2][revision])


if __name__ == "__main__":
    unittest.main(verbosity=1)
