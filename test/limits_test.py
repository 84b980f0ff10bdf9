#!/usr/bin/python3
"""Limits of the system that a replica runs in: it knows them, stays within them and says so."""

import os
import resource
import select
import socket
import subprocess
import tempfile
import time
import unittest

os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")
import etcd3  # noqa: E402
import grpc  # noqa: E402

from cell_process import Cell  # noqa: E402

POLIS = os.environ["POLIS"]
IDLE = 1100


def closed(connections):
    """Those that the other side has closed."""
    poll = select.poll()
    for s in connections:
        poll.register(s, select.POLLIN)
    return {fd for fd, _ in poll.poll(0)}


class DescriptorTest(unittest.TestCase):
    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
        self.temporary = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.cell = Cell(POLIS, self.temporary.name, 1, flags=["--wal-segment-bytes", str(13 << 20)])
        self.connections = []

    def tearDown(self):
        for s in self.connections:
            s.close()
        self.cell.kill()
        self.temporary.cleanup()

    def start(self, soft, hard):
        """Starts the replica with these limits, gives it and a client that is connected."""
        replica = self.cell.replicas[0]
        self.cell.before_exec = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        replica.start()
        self.cell.wait_ready()
        host, port = replica.client.split(":")
        client = etcd3.client(host=host, port=int(port), timeout=10)
        self.addCleanup(client.close)
        client.put("k", "before")
        return replica, client

    def connect_many(self, replica):
        host, port = replica.client.split(":")
        for _ in range(IDLE):
            s = socket.socket()
            s.settimeout(10)
            s.connect((host, int(port)))
            self.connections.append(s)

    def write_on(self, client):
        """More than several log segments hold."""
        for i in range(30):
            start = time.monotonic()
            client.put(f"k{i % 5}", "v" * 1_000_000)
            self.assertLess(time.monotonic() - start, 5)

    def test_more_idle_connections_than_fit_are_refused_and_the_others_are_served(self):
        replica, client = self.start(400, 400)
        self.connect_many(replica)
        self.write_on(client)
        deadline = time.monotonic() + 10
        while len(closed(self.connections)) < IDLE - 400:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.write_on(client)
        self.assertTrue(replica.alive(), replica.log())
        deadline = time.monotonic() + 10
        while "client connections: 144 are open" not in replica.log():
            self.assertLess(time.monotonic(), deadline, replica.log())
            time.sleep(0.05)
        self.assertEqual(replica.log().count("refused"), 1, replica.log())
        self.assertIn("at most 400 open files and sockets", replica.log())

    def test_a_soft_limit_is_raised(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard < 4096:
            self.skipTest("the hard limit is low")
        replica, client = self.start(320, min(hard, 20000))
        self.connect_many(replica)
        self.write_on(client)
        self.assertEqual(len(closed(self.connections)), 0)
        self.assertIn("(started with 320, ", replica.log())

    def test_a_limit_that_leaves_no_room_for_clients_is_refused_with_the_remedy(self):
        done = subprocess.run([POLIS, "cell", "run", "--name", "a", "--data-dir", self.temporary.name + "/x", "--client", "127.0.0.1:0"],
                              capture_output=True, text=True, timeout=20, check=False,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)))
        self.assertEqual(done.returncode, 2)
        self.assertIn("LimitNOFILE=", done.stderr)


class MemoryTest(unittest.TestCase):
    """A control group of 200 MB. Keys are kept in memory, so large ones fill it."""

    LIMIT = 200_000_000

    def setUp(self):
        self.group = self.make_group()
        self.temporary = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.cell = Cell(POLIS, self.temporary.name, 1)
        self.cell.before_exec = self.enter

    def make_group(self):
        name = f"polis-test-{os.getpid()}"
        for root, file in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
            path = f"{root}/{name}"
            try:
                os.makedirs(path)
                with open(f"{path}/{file}", "w", encoding="ascii") as f:
                    f.write(str(self.LIMIT))
                return path
            except OSError:
                if os.path.isdir(path):
                    os.rmdir(path)
        self.skipTest("needs a control group for memory")

    def enter(self):
        with open(self.group + "/cgroup.procs", "w", encoding="ascii") as f:
            f.write(str(os.getpid()))

    def tearDown(self):
        self.cell.kill()
        self.temporary.cleanup()
        deadline = time.monotonic() + 10
        while True:
            try:
                os.rmdir(self.group)
                return
            except OSError:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)

    def client(self):
        host, port = self.cell.replicas[0].client.split(":")
        client = etcd3.client(host=host, port=int(port), timeout=20)
        self.addCleanup(client.close)
        return client

    def fill(self, client):
        """Until a write is refused; gives how many were taken and why the last one was not."""
        for i in range(1000):
            try:
                client.put(f"{i}/" + "k" * 500_000, "v")
            except Exception as error:  # noqa: BLE001: the library has several kinds
                return i, f"{error!r} {getattr(error, 'args', '')} {error.__cause__!r}"
        return 1000, "nothing was refused"

    def test_writes_are_refused_before_the_limit_and_a_restart_fits(self):
        replica = self.cell.replicas[0]
        self.cell.start()
        self.cell.wait_ready()
        self.assertIn("at most 190 MiB of memory", replica.log())
        taken, why = self.fill(self.client())
        self.assertTrue(replica.alive(), replica.log()[-1000:])
        self.assertGreater(taken, 50)
        self.assertIn("memory", why)
        self.assertIn("MiB of memory are used", replica.log())
        for _ in range(2):
            replica.kill()
            self.cell.start()
            self.cell.wait_ready()
        client = self.client()
        self.assertEqual(len(self.until_it_works(lambda: list(client.get_prefix("0/")))), 1)
        # The remedy, in portions: what is deleted has to be noted, too.
        for i in range(taken):
            self.until_it_works(lambda i=i: client.delete_prefix(f"{i}/"))
        self.assertTrue(replica.alive())

    def until_it_works(self, call):
        deadline = time.monotonic() + 60
        while True:
            try:
                return call()
            except (grpc.RpcError, etcd3.exceptions.Etcd3Exception):
                self.assertTrue(self.cell.replicas[0].alive(), self.cell.replicas[0].log()[-1500:])
                self.assertLess(time.monotonic(), deadline, self.cell.replicas[0].log()[-1000:])
                time.sleep(0.05)


if __name__ == "__main__":
    unittest.main(verbosity=1)
