#!/usr/bin/python3
"""python3-etcd3 against a cell: an independent client library."""

import os
import tempfile
import threading
import unittest

os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")
import etcd3  # noqa: E402

from cell_process import Cell  # noqa: E402


class PythonEtcd3Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="polis-test-")
        cls.cell = Cell(os.environ["POLIS"], cls.directory.name)
        cls.cell.start()
        cls.cell.wait_ready()
        host, port = cls.cell.replicas[0].client.split(":")
        cls.client = etcd3.client(host=host, port=int(port), timeout=10)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.cell.kill()
        cls.directory.cleanup()

    def test_put_get_delete(self):
        self.client.put("k", "v")
        self.assertEqual(self.client.get("k")[0], b"v")
        self.assertTrue(self.client.delete("k"))
        self.assertIsNone(self.client.get("k")[0])

    def test_prefix_and_order(self):
        for i in range(5):
            self.client.put(f"p/{i}", str(i))
        values = [v for v, _ in self.client.get_prefix("p/", sort_order="descend")]
        self.assertEqual(values, [b"4", b"3", b"2", b"1", b"0"])

    def test_transaction(self):
        self.client.put("t", "1")
        ok, _ = self.client.transaction(compare=[self.client.transactions.value("t") == "1"],
                                        success=[self.client.transactions.put("t", "2")], failure=[])
        self.assertTrue(ok)
        self.assertEqual(self.client.get("t")[0], b"2")
        self.assertFalse(self.client.replace("t", "1", "3"))

    def test_lease(self):
        lease = self.client.lease(30)
        self.client.put("l", "x", lease=lease)
        self.assertIn(b"l", lease.keys)
        lease.refresh()
        self.assertGreater(lease.remaining_ttl, 20)
        lease.revoke()
        self.assertIsNone(self.client.get("l")[0])

    def test_lock(self):
        with self.client.lock("lock", ttl=10) as lock:
            self.assertTrue(lock.is_acquired())
            other = self.client.lock("lock", ttl=10)
            self.assertFalse(other.acquire(timeout=0))

    def test_watch(self):
        got, enough = [], threading.Event()

        def on_event(response):
            for event in response.events:
                got.append((type(event).__name__, event.key, event.value))
            if len(got) >= 3:
                enough.set()
        watch = self.client.add_watch_prefix_callback("w/", on_event)
        self.client.put("w/1", "a")
        self.client.put("w/1", "b")
        self.client.delete("w/1")
        self.assertTrue(enough.wait(10), got)
        self.client.cancel_watch(watch)
        self.assertEqual([g[0] for g in got], ["PutEvent", "PutEvent", "DeleteEvent"])

    def test_members_and_status(self):
        self.assertEqual(len(list(self.client.members)), 3)
        self.assertGreater(self.client.status().raft_term, 0)

    def test_compaction(self):
        self.client.put("c", "1")
        revision = self.client.get("c")[1].mod_revision
        self.client.compact(revision)
        with self.assertRaises(Exception):
            self.client.compact(1)


if __name__ == "__main__":
    unittest.main(verbosity=1)
