#!/usr/bin/python3
"""Addresses as people and etcd's tools write them, with real processes."""

import json
import os
import socket
import subprocess
import tempfile
import time
import unittest

from cell_process import free_ports

POLIS = os.environ["POLIS"]


class AddressTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def run_replica(self, *flags, cwd=None):
        log = open(os.path.join(self.directory, "log"), "ab")
        self.addCleanup(log.close)
        process = subprocess.Popen([POLIS, "cell", "run", "--data-dir", os.path.join(self.directory, "data"), *flags], stderr=log, cwd=cwd)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def polis(self, *args, rc=0, cwd=None):
        done = subprocess.run([POLIS, *args], capture_output=True, text=True, timeout=60, cwd=cwd)
        self.assertEqual(done.returncode, rc, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_one_replica_listens_at_several_addresses_and_clients_write_them_in_every_form(self):
        client, peer, second = free_ports(3)
        path = os.path.join(self.directory, "polis.sock")
        self.run_replica("--initial", "", "--client", f"http://127.0.0.1:{client},127.0.0.1:{second},unix://{path},unix://localhost:2379",
                         "--peer", f"http://127.0.0.1:{peer}", cwd=self.directory)
        self.polis("cell", "wait", "-e", f"http://127.0.0.1:{client}")
        for endpoint in (f"127.0.0.1:{client}", f"http://127.0.0.1:{client}/", f"http://localhost:{second}", f"unix://{path}", f"unix:{path}", "unix://localhost:2379"):
            self.polis("kv", "put", "a", endpoint, "-e", endpoint, cwd=self.directory)
            self.assertEqual(self.polis("kv", "get", "a", "--value-only", "-e", endpoint, cwd=self.directory).strip(), endpoint)
        self.assertIn("does not speak TLS there; write http://", self.polis("kv", "get", "a", "-e", f"https://127.0.0.1:{client}", rc=1))
        members = json.loads(self.polis("cell", "status", "-o", "json", "-e", f"127.0.0.1:{client}"))
        self.assertEqual(members[0]["client"], f"127.0.0.1:{client},127.0.0.1:{second}")
        listed = subprocess.run(["etcdctl", "--endpoints", f"http://127.0.0.1:{second}", "member", "list", "-w", "json"], capture_output=True, text=True,
                                env=dict(os.environ, ETCDCTL_API="3"), check=True)
        self.assertEqual(json.loads(listed.stdout)["members"][0]["clientURLs"], [f"http://127.0.0.1:{client}", f"http://127.0.0.1:{second}"])

    def test_etcdctl_and_curl_over_a_unix_socket(self):
        path = os.path.join(self.directory, "polis.sock")
        self.run_replica("--initial", "", "--client", f"unix://{path},unix://localhost:2379", "--advertise-client", "http://db.example:2379", cwd=self.directory)
        self.polis("cell", "wait", "-e", f"unix://{path}")
        etcdctl = dict(env=dict(os.environ, ETCDCTL_API="3"), cwd=self.directory, stdout=subprocess.PIPE, text=True)

        def ctl(endpoint, *args):
            return subprocess.run(["etcdctl", "--endpoints", endpoint, *args], timeout=30, check=True, **etcdctl).stdout
        with subprocess.Popen(["etcdctl", "--endpoints", f"unix://{path}", "watch", "--rev", "1", "a"], **etcdctl) as watch:
            try:
                for endpoint in (f"unix://{path}", "unix://localhost:2379"):
                    self.assertEqual(ctl(endpoint, "put", "a", endpoint), "OK\n")
                    self.assertEqual(ctl(endpoint, "get", "a"), f"a\n{endpoint}\n")
                    self.assertTrue(ctl(endpoint, "endpoint", "status").startswith(endpoint + ", "))
                    self.assertIn("http://db.example:2379", ctl(endpoint, "member", "list"))
                    self.assertEqual(ctl(endpoint, "lock", "l", "echo", "held"), "held\n")
                    self.assertEqual([watch.stdout.readline() for _ in range(3)], ["PUT\n", "a\n", endpoint + "\n"])
            finally:
                watch.kill()
        done = subprocess.run(["curl", "-s", "--unix-socket", path, "-d", '{"key":"YQ==","count_only":true}', "http://localhost/v3/kv/range"],
                              capture_output=True, text=True, timeout=30, check=True)
        self.assertEqual(json.loads(done.stdout)["count"], "1")

    def test_a_replica_that_listens_everywhere_tells_an_address_that_leads_to_it(self):
        client, peer = free_ports(2)
        self.run_replica("--name", "a", "--initial", f"a=127.0.0.1:{peer}", "--client", f":{client}", "--peer", f"0.0.0.0:{peer}")
        self.polis("cell", "wait", "-e", f"127.0.0.1:{client}")
        status = json.loads(self.polis("cell", "status", "-o", "json", "-e", f"localhost:{client}"))[0]
        self.assertEqual(status["client"], f"127.0.0.1:{client}")
        self.assertEqual(status["peer"], f"http://127.0.0.1:{peer}")

    def test_ipv6(self):
        client, peer = free_ports(2)
        try:
            with socket.create_server(("::1", 0), family=socket.AF_INET6):
                pass
        except OSError:
            self.skipTest("this machine has no IPv6")
        self.run_replica("--initial", f"default=[::1]:{peer}", "--client", f"::1:{client}", "--peer", f"[::1]:{peer}")
        self.polis("cell", "wait", "-e", f"[::1]:{client}")
        self.polis("kv", "put", "a", "1", "-e", f"http://[::1]:{client}")
        self.assertEqual(json.loads(self.polis("cell", "status", "-o", "json", "-e", f"::1:{client}"))[0]["client"], f"[::1]:{client}")

    def test_a_socket_file_that_was_left_behind_is_replaced_and_one_in_use_is_not(self):
        client, = free_ports(1)
        path = os.path.join(self.directory, "polis.sock")
        flags = ("--initial", "", "--client", f"127.0.0.1:{client},unix://{path}")
        first = self.run_replica(*flags)
        self.polis("cell", "wait", "-e", f"unix://{path}")
        with open(os.path.join(self.directory, "other"), "w", encoding="utf-8"):
            pass
        done = subprocess.run([POLIS, "dev", "--data-dir", os.path.join(self.directory, "other-data"), "--client", f"unix://{path}"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 2)
        self.assertIn("is in use by another process", done.stderr)
        done = subprocess.run([POLIS, "dev", "--data-dir", os.path.join(self.directory, "other-data"), "--client", f"unix://{self.directory}/other"],
                              capture_output=True, text=True, timeout=30)
        self.assertIn("is no socket; remove it or choose another path", done.stderr)
        first.kill()
        first.wait()
        self.assertTrue(os.path.exists(path))
        second = self.run_replica(*flags)
        self.polis("cell", "wait", "-e", f"unix://{path}")
        second.terminate()
        self.assertEqual(second.wait(30), 0)
        deadline = time.monotonic() + 10
        while os.path.exists(path):
            self.assertLess(time.monotonic(), deadline, "the socket's file stays")

    def test_what_cannot_work_is_refused_with_the_line_to_write(self):
        def refused(*flags):
            return self.polis("config", "dump", *flags, rc=2)
        self.assertIn("https:// needs 'cert-file'", refused("--client", "https://10.0.0.1:2379"))
        self.assertIn("add --advertise-peer HOST:2380", refused("--join", "10.0.0.1:2379", "--peer", "0.0.0.0:2380"))
        self.assertIn("write --advertise-peer 10.0.0.1:2380", refused("--name", "a", "--initial", "a=10.0.0.1:2380,b=10.0.0.2:2380", "--advertise-peer", "10.0.0.9:2380"))
        self.assertIn("must be NAME=HOST:PORT", self.polis("cell", "add", "d=0.0.0.0:2380", rc=2))


if __name__ == "__main__":
    unittest.main(verbosity=1)
