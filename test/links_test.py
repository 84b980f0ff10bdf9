#!/usr/bin/python3
"""Peer links through forwarders that take every connection and keep it, whether or not anybody is behind them."""

import os
import selectors
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from cell_process import Cell, free_ports

POLIS = os.environ["POLIS"]
# A fail-over takes about a second, a dead link two or three more; the rest is for a busy machine.
PATIENCE = 15


class Forwarder(threading.Thread):
    """Carries bytes from its port to the backend's. A connection to it stays open although the backend refuses it or ends it."""

    def __init__(self, port, backend):
        super().__init__(daemon=True)
        self.backend, self.selector, self.stopping = backend, selectors.DefaultSelector(), False
        self.listener = socket.create_server(("127.0.0.1", port))
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.other = {}  # each socket's other side; None: what comes is thrown away

    def run(self):
        while not self.stopping:
            for key, _ in self.selector.select(0.1):
                if key.fileobj is self.listener:
                    self.accept()
                else:
                    self.carry(key.fileobj)
        for s in [self.listener, *self.other]:
            s.close()

    def accept(self):
        inbound, _ = self.listener.accept()
        outbound = socket.socket()
        try:
            outbound.connect(("127.0.0.1", self.backend))
        except OSError:
            outbound.close()
            outbound = None
        self.other[inbound] = outbound
        self.selector.register(inbound, selectors.EVENT_READ)
        if outbound is not None:
            self.other[outbound] = inbound
            self.selector.register(outbound, selectors.EVENT_READ)

    def carry(self, source):
        if source not in self.other:
            return  # it was closed for another one that was ready in the same moment
        target = self.other[source]
        try:
            data = source.recv(1 << 16)
        except OSError:
            data = b""
        if data and target is not None:
            try:
                target.sendall(data)
            except OSError:
                pass
        if data:
            return
        self.selector.unregister(source)
        del self.other[source]
        source.close()
        if target is None:
            return
        if target.getsockname()[1] == self.listener.getsockname()[1]:
            self.other[target] = None  # the backend has gone: its client is not told
        else:
            self.selector.unregister(target)
            del self.other[target]
            target.close()

    def stop(self):
        self.stopping = True
        self.join()


class LinksTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.cell = Cell(POLIS, self.temporary.name, 3)
        self.forwarders = []

    def tearDown(self):
        self.cell.kill()
        for forwarder in self.forwarders:
            forwarder.stop()
        self.temporary.cleanup()

    def put_forwarders_between(self):
        ports = free_ports(3)
        for replica, port in zip(self.cell.replicas, ports):
            self.forwarders.append(Forwarder(port, int(replica.peer.split(":")[1])))
        self.cell.initial = ",".join(f"{r.name}=127.0.0.1:{p}" for r, p in zip(self.cell.replicas, ports))
        for forwarder in self.forwarders:
            forwarder.start()

    def polis(self, *args):
        return subprocess.run([POLIS, *args], capture_output=True, text=True, check=False)

    def put(self, key):
        """Until somebody takes it; gives the seconds."""
        start = time.monotonic()
        while self.polis("kv", "put", "-e", self.cell.endpoints, "--timeout", "2", key, "v").returncode != 0:
            self.assertLess(time.monotonic() - start, PATIENCE)
        return time.monotonic() - start

    def wait_until_it_has(self, replica, key):
        start = time.monotonic()
        while key not in self.polis("kv", "get", "-e", replica.client, "--timeout", "1", "--serializable", key).stdout:
            self.assertLess(time.monotonic() - start, PATIENCE, replica.log()[-2000:])
            time.sleep(0.05)

    def test_a_cell_starts_although_the_first_connections_lead_nowhere(self):
        self.put_forwarders_between()
        for replica in self.cell.replicas:
            replica.start()
            time.sleep(1)  # so that each one connects to those that are not there yet
        self.cell.wait_ready(PATIENCE)

    def test_a_replica_that_returns_is_found_and_a_master_that_is_killed_is_followed(self):
        self.put_forwarders_between()
        self.cell.start()
        self.cell.wait_ready(PATIENCE)
        follower = next(r for r in self.cell.replicas if r is not self.cell.master())
        follower.kill()
        self.put("while-it-was-away")
        follower.start()
        self.wait_until_it_has(follower, "while-it-was-away")
        master = self.cell.master()
        master.kill()
        self.put("without-the-master")
        master.start()
        self.wait_until_it_has(master, "without-the-master")

    def test_silent_connections_at_the_peer_port_keep_no_replica_out(self):
        self.cell.start()
        self.cell.wait_ready(PATIENCE)
        follower = next(r for r in self.cell.replicas if r is not self.cell.master())
        follower.kill()
        self.put("while-it-was-away")
        silent = []
        for replica in self.cell.replicas:
            if replica is follower:
                continue
            for _ in range(100):
                silent.append(socket.create_connection(("127.0.0.1", int(replica.peer.split(":")[1])), timeout=10))
        follower.start()
        self.wait_until_it_has(follower, "while-it-was-away")
        for s in silent:
            s.close()


if __name__ == "__main__":
    unittest.main(verbosity=1)
