#!/usr/bin/python3
"""Leases and locks while the processes of the cell stand still: a lease that is renewed stays, and a lock has one holder."""

import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
import unittest

os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")
import grpc  # noqa: E402
from etcd3 import etcdrpc  # noqa: E402

from cell_process import Cell  # noqa: E402

POLIS = os.environ["POLIS"]
TTL = 2  # seconds
RENEWALS = 0.4
PAUSE = 3
ROUNDS = 3  # in which the holder came to renew its lease in time
ATTEMPTS = 10


class Holder(threading.Thread):
    """Renews a lease at one replica; knows how long the answers promise that the lease is there."""

    def __init__(self, endpoint, lease):
        super().__init__(daemon=True)
        self.lease, self.until, self.gone = lease, time.monotonic() + TTL, None
        self.requests, self.sent = queue.Queue(), queue.Queue()
        self.channel, self.ended = grpc.insecure_channel(endpoint), threading.Event()
        self.sender = threading.Thread(target=self.send, daemon=True)

    def send(self):
        while not self.ended.wait(RENEWALS):
            self.sent.put(time.monotonic())
            self.requests.put(etcdrpc.LeaseKeepAliveRequest(ID=self.lease))
        self.requests.put(None)

    def run(self):
        try:
            for answer in etcdrpc.LeaseStub(self.channel).LeaseKeepAlive(iter(self.requests.get, None)):
                sent = self.sent.get()
                if answer.TTL > 0:
                    self.until = max(self.until, sent + TTL)
                elif self.gone is None:
                    self.gone = time.monotonic()
        except grpc.RpcError:
            pass  # the replica ended the stream; what was promised before still holds

    def __enter__(self):
        self.start()
        self.sender.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.sender.join()
        self.channel.close()
        self.join(10)


class LeaseTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.start(3)

    def start(self, size):
        self.cell = Cell(POLIS, os.path.join(self.temporary.name, str(size)), size)
        self.cell.start()
        self.cell.wait_ready()

    def tearDown(self):
        for replica in self.cell.replicas:
            if replica.alive():
                replica.process.send_signal(signal.SIGCONT)
        self.cell.kill()
        self.temporary.cleanup()

    def polis(self, *args):
        done = subprocess.run([POLIS, *args], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, f"{args}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def grant(self, endpoint):
        return self.polis("lease", "grant", "-e", endpoint, "--timeout", "10", str(TTL)).split()[1]

    def try_lock(self, endpoint, name):
        """Whether somebody else gets the lock now."""
        done = subprocess.run([POLIS, "kv", "txn", "-e", endpoint, "--timeout", "2", "--if", f"version({name}) = 0", "--then", f"put {name} rival"],
                              capture_output=True, text=True, timeout=60)
        return done.returncode == 0

    def value(self, endpoint, name):
        return self.polis("kv", "get", "-e", endpoint, "--timeout", "10", name).strip()

    def one_pause(self, number):
        """The master stands still for longer than the lease. True: the lease stayed. False: it ended when it was allowed to, since this machine
        was too busy to renew it in time."""
        master = self.cell.master()
        near, far = (r for r in self.cell.replicas if r is not master)
        lease, lock = self.grant(near.client), f"lock{number}"
        with Holder(near.client, int(lease, 16)) as holder:
            self.polis("kv", "put", "-e", near.client, "--timeout", "10", "--lease", lease, lock, "holder")
            taken = None
            begin, resumed = time.monotonic(), False
            master.process.send_signal(signal.SIGSTOP)
            while time.monotonic() < begin + 2 * PAUSE and taken is None:
                if not resumed and time.monotonic() > begin + PAUSE:
                    master.process.send_signal(signal.SIGCONT)
                    resumed = True
                if self.try_lock(far.client, lock):
                    taken = time.monotonic()
            master.process.send_signal(signal.SIGCONT)
            if taken is not None:
                self.assertGreater(taken, holder.until, "a second one got the lock while the first one's lease was renewed")
            if holder.gone is not None:
                self.assertGreater(holder.gone, holder.until, "a lease that was renewed is gone")
            if taken is not None or holder.gone is not None:
                return False
            self.assertEqual(self.value(far.client, lock).split("\n")[-1], "holder")
            return True

    def test_a_master_that_was_paused_ends_no_lease_that_its_successor_renewed(self):
        rounds = attempts = 0
        while rounds < ROUNDS:
            attempts += 1
            self.assertLessEqual(attempts, ATTEMPTS, "this machine is too busy to renew a lease in time")
            rounds += self.one_pause(attempts)

    def test_renewals_that_waited_at_the_door_of_a_paused_replica_save_their_lease(self):
        self.cell.kill()
        self.start(1)  # nobody takes over, and the first thing that it sees is that the lease is over
        one = self.cell.replicas[0]
        lease = self.grant(one.client)
        with Holder(one.client, int(lease, 16)) as holder:
            self.polis("kv", "put", "-e", one.client, "--timeout", "10", "--lease", lease, "lock", "holder")
            answered = holder.until
            while holder.until == answered:  # the stream is up
                self.assertIsNone(holder.gone)
                time.sleep(0.02)  # between two looks
            one.process.send_signal(signal.SIGSTOP)
            time.sleep(PAUSE)  # the length of the pause itself
            one.process.send_signal(signal.SIGCONT)
            before = time.monotonic()
            while holder.until < before + TTL:  # a renewal of after the pause is answered
                self.assertIsNone(holder.gone, "a lease whose renewals waited is gone")
                self.assertLess(time.monotonic(), before + 30)
                time.sleep(0.02)  # between two looks
            self.assertEqual(self.value(one.client, "lock").split("\n")[-1], "holder")

    def test_a_lease_that_nobody_renews_ends_although_its_master_was_paused(self):
        master = self.cell.master()
        other = next(r for r in self.cell.replicas if r is not master)
        lease = self.grant(other.client)
        self.polis("kv", "put", "-e", other.client, "--timeout", "10", "--lease", lease, "lock", "holder")
        master.process.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        while time.monotonic() < begin + PAUSE:
            self.try_lock(other.client, "unrelated")
        master.process.send_signal(signal.SIGCONT)
        deadline = time.monotonic() + 20
        while not self.try_lock(other.client, "lock"):
            self.assertLess(time.monotonic(), deadline, "the lock of a holder that is gone is never free")


if __name__ == "__main__":
    unittest.main(verbosity=1)
