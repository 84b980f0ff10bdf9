#!/usr/bin/python3
"""Bad input and bad days: each gets a clear error that says what to do, and the other clients notice nothing."""

import os
import socket
import subprocess
import tempfile
import time
import unittest

from cell_process import Cell

POLIS = os.environ["POLIS"]


class BadDaysTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.directory = self.temporary.name
        self.cell = Cell(POLIS, self.directory, 1)

    def tearDown(self):
        self.cell.kill()
        self.temporary.cleanup()

    def start(self):
        self.cell.start()
        self.cell.wait_ready()
        return self.cell.replicas[0]

    def put(self, key, value):
        done = subprocess.run([POLIS, "kv", "put", "-e", self.cell.endpoints, "--timeout", "5", key, value], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def run_replica(self, *args, timeout=20):
        """Runs a replica that must not start; gives its exit code and what it said."""
        done = subprocess.run([POLIS, "cell", "run", *args], capture_output=True, text=True, timeout=timeout)
        return done.returncode, done.stdout + done.stderr

    def test_an_address_in_use(self):
        replica = self.start()
        rc, said = self.run_replica("--data-dir", self.directory + "/other", "--client", replica.client)
        self.assertEqual(rc, 2)
        self.assertIn(f"address {replica.client} is in use", said)

    def test_a_data_directory_in_use(self):
        replica = self.start()
        rc, said = self.run_replica("--name", "a", "--data-dir", replica.directory, "--client", "127.0.0.1:0")
        self.assertEqual(rc, 2)
        self.assertIn("is in use by another polis process", said)

    def test_a_data_directory_of_another_cell(self):
        replica = self.start()
        replica.stop()
        rc, said = self.run_replica("--name", "a", "--cluster", "other", "--data-dir", replica.directory, "--client", "127.0.0.1:0")
        self.assertEqual(rc, 2)
        self.assertIn("belongs to replica 'a' of cell 'polis'", said)

    def test_a_data_directory_of_a_newer_version(self):
        replica = self.start()
        replica.stop()
        path = replica.directory + "/identity"
        with open(path, encoding="utf-8") as f:
            text = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("format: 1", "format: 9"))
        rc, said = self.run_replica("--name", "a", "--data-dir", replica.directory, "--client", "127.0.0.1:0")
        self.assertEqual(rc, 2)
        self.assertIn("start the newer binary", said)

    def test_no_permission(self):
        path = self.directory + "/a-file"
        with open(path, "w", encoding="utf-8"):
            pass
        rc, said = self.run_replica("--data-dir", path + "/below", "--client", "127.0.0.1:0")
        self.assertEqual(rc, 1)
        self.assertIn(path, said)

    def test_a_corrupted_record_is_found_and_named(self):
        replica = self.start()
        for i in range(5):
            self.assertEqual(self.put("k", "recognisable" + str(i))[0], 0)
        replica.kill()
        wal = os.path.join(replica.directory, "wal", sorted(os.listdir(replica.directory + "/wal"))[0])
        with open(wal, "r+b") as f:
            content = f.read(1 << 20)
            at = content.index(b"recognisable1")
            f.seek(at)
            f.write(b"X")
        replica.start()
        self.assertEqual(replica.process.wait(20), 1)
        self.assertIn("this is corruption, not a torn write", replica.log())
        self.assertIn("000000000001.wal", replica.log())

    def test_wrong_settings_name_the_setting_and_where_it_came_from(self):
        rc, said = self.run_replica("--heartbeat-interval", "fast")
        self.assertEqual(rc, 2)
        self.assertIn("setting 'heartbeat-interval' is 'fast' (from flag)", said)
        config = self.directory + "/polis.yaml"
        with open(config, "w", encoding="utf-8") as f:
            f.write("data-dir: /tmp/x\nclinet: 127.0.0.1:1\n")
        rc, said = self.run_replica("--config", config)
        self.assertEqual(rc, 2)
        self.assertIn("line 2: there is no setting 'clinet'", said)

    def test_garbage_half_open_and_silent_connections_disturb_nobody(self):
        replica = self.start()
        host, port = replica.client.split(":")
        sockets = []
        for garbage in (b"", b"\x00" * 100, b"GET / HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 50, b"PRI * HT", os.urandom(5000)) * 5:
            s = socket.create_connection((host, int(port)))
            s.sendall(garbage)
            sockets.append(s)
        for i in range(20):
            start = time.monotonic()
            self.assertEqual(self.put("k", str(i))[0], 0)
            self.assertLess(time.monotonic() - start, 2)
        for s in sockets:
            s.close()

    def test_a_client_that_never_reads_costs_bounded_memory(self):
        replica = self.start()
        for i in range(30):
            self.assertEqual(subprocess.run([POLIS, "kv", "put", "-e", self.cell.endpoints, f"big/{i}"], input=b"v" * 1_000_000, capture_output=True).returncode, 0)
        reader = subprocess.Popen([POLIS, "kv", "get", "-e", self.cell.endpoints, "--prefix", "big/", "--timeout", "30"], stdout=subprocess.DEVNULL)
        before = self.anonymous(replica)
        stopped = [subprocess.Popen([POLIS, "kv", "watch", "-e", self.cell.endpoints, "--prefix", "", "--start", "1"], stdout=subprocess.PIPE) for _ in range(8)]
        for i in range(60):
            self.put("churn", str(i) * 1000)
        reader.wait(30)
        after = self.anonymous(replica)
        for process in stopped:
            process.kill()
            process.wait()
            process.stdout.close()
        self.assertLess(after - before, 150 << 20)
        self.assertEqual(self.put("still", "served")[0], 0)

    def anonymous(self, replica):
        with open(f"/proc/{replica.process.pid}/status", encoding="utf-8") as f:
            for line in f:
                if line.startswith("RssAnon"):
                    return int(line.split()[1]) * 1024
        return 0

    def test_a_full_disk_refuses_writes_serves_reads_and_recovers(self):
        mount = self.directory + "/small"
        os.makedirs(mount)
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", mount], capture_output=True).returncode != 0:
            self.skipTest("needs root and tmpfs")
        try:
            self.cell = Cell(POLIS, mount, 1)
            self.start()
            self.assertEqual(self.put("k", "v")[0], 0)
            with open(mount + "/ballast", "wb") as f:
                f.write(b"\0" * (90 << 20))
            deadline = time.monotonic() + 10
            while self.put("k", "w")[0] == 0:
                self.assertLess(time.monotonic(), deadline)
            self.assertIn("database space exceeded", self.put("k", "w")[1])
            got = subprocess.run([POLIS, "kv", "get", "-e", self.cell.endpoints, "k"], capture_output=True, text=True)
            self.assertEqual(got.returncode, 0)
            alarms = subprocess.run(["etcdctl", "--endpoints", self.cell.endpoints, "alarm", "list"], env=dict(os.environ, ETCDCTL_API="3"), capture_output=True, text=True)
            self.assertIn("NOSPACE", alarms.stdout)
            os.remove(mount + "/ballast")
            deadline = time.monotonic() + 10
            while self.put("k", "again")[0] != 0:
                self.assertLess(time.monotonic(), deadline)
        finally:
            self.cell.kill()
            subprocess.run(["umount", mount], check=True)


if __name__ == "__main__":
    unittest.main(verbosity=1)
