#!/usr/bin/python3
"""Real processes in networks of their own, under load from independent clients, while everything goes wrong in turn.

FAULT_SECONDS (default 120) is for how long, FAULT_SEED which order. What the clients saw is checked operation by operation
(history.py), and after each fault the cell must take writes again within RECOVERY seconds. A cell that acknowledges too early must be caught.

Needs root, /dev/net/tun, nothing else of the machine; leaves nothing behind.
"""

import contextlib
import errno
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import history
from cell_process import Process, protocol_flags
from netlab import Lab, why_not

POLIS = os.environ["POLIS"]
BROKEN = os.environ["POLIS_BROKEN"]
HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = float(os.environ.get("FAULT_SECONDS", "120"))
SEED = int(os.environ.get("FAULT_SEED", "1"))
RECOVERY = 5.0
CLOCK_SHIM = os.environ["POLIS_CLOCK_SHIM"]
DISK_BYTES = 320 << 20


class Replica(Process):
    """One process in a namespace of its own, its data on a small file system of its own."""

    def __init__(self, cell, place):
        self.cell, self.place, self.name = cell, place, "abcde"[place]
        self.address = cell.lab.address(place)
        self.client = f"{self.address}:2379"
        self.directory = os.path.join(cell.directory, self.name)
        self.log_path = os.path.join(cell.directory, self.name + ".log")
        self.clock = os.path.join(cell.directory, self.name + ".clock")
        self.process = None
        os.mkdir(self.directory)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "polis-test", self.directory], check=True)
        self.set_clock(0)

    def set_clock(self, seconds):
        """How far its wall clock is from ours, from now on (wall_clock_shim.c)."""
        with open(self.clock, "r+b" if os.path.exists(self.clock) else "wb", buffering=0) as file:
            file.write(struct.pack("<q", seconds))

    def start(self):
        env = dict(os.environ, LD_PRELOAD=CLOCK_SHIM, WALL_CLOCK_OFFSET=self.clock)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.cell.lab.command(self.place, self.cell.binary, "cell", "run", "--name", self.name, "--data-dir", self.directory + "/data",
                                      "--client", self.client, "--peer", f"{self.address}:2380", "--initial", self.cell.initial, *protocol_flags()),
                stdout=log, stderr=log, env=env)

    def close(self):
        self.kill()
        subprocess.run(["umount", "-l", self.directory], check=False)


class Cell:
    def __init__(self, lab, directory, binary, size=3):
        self.lab, self.directory, self.binary = lab, directory, binary
        self.observer = size  # the namespace of the clients
        self.initial = ",".join(f"{'abcde'[i]}={lab.address(i)}:2380" for i in range(size))
        self.replicas = []
        for i in range(size):
            self.replicas.append(Replica(self, i))
            self.replicas[-1].start()

    @property
    def endpoints(self):
        return ",".join(r.client for r in self.replicas)

    def polis(self, *args, timeout=30):
        return subprocess.run(self.lab.command(self.observer, POLIS, *args), capture_output=True, text=True, timeout=timeout)

    def status(self):
        for replica in self.replicas:
            done = self.polis("cell", "status", "-e", replica.client, "--timeout", "0.5", "-o", "json")
            if done.returncode == 0:
                return json.loads(done.stdout)
        return []

    def master(self):
        for one in self.status():
            if one.get("role") == "master":
                return next(r for r in self.replicas if r.name == one["name"])
        return None

    def wait_writes(self, seconds):
        """Until a write succeeds; gives how long that took. Failure: it does not within `seconds`."""
        begin = time.monotonic()
        while True:
            # Another value each time: one that was given up may still be written.
            if self.polis("kv", "put", "-e", self.endpoints, "--timeout", "1", "probe", str(time.monotonic())).returncode == 0:
                return time.monotonic() - begin
            if time.monotonic() - begin > seconds:
                raise AssertionError(f"no write succeeds within {seconds} s\n" + "\n".join(r.log()[-3000:] for r in self.replicas))

    def close(self):
        for replica in self.replicas:
            replica.close()


def fill(path):
    """Writes until the disk is full, while others write, too."""
    with open(path, "wb", buffering=0) as file:
        for block in (1 << 20, 4096):
            try:
                while file.write(bytes(block)) == block:
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


class Faults:
    """What can go wrong. Each method breaks something, waits, and mends it."""

    def __init__(self, cell, seed):
        self.cell, self.lab, self.random = cell, cell.lab, random.Random(seed)
        self.everyone = range(len(cell.replicas))

    def some(self):
        return self.random.choice(self.cell.replicas)

    def master_or_some(self):
        return (self.random.random() < 0.7 and self.cell.master()) or self.some()

    def hold(self, low=2.0, high=4.0):
        self.lab.apply()
        time.sleep(self.random.uniform(low, high))  # for as long as the fault is to last

    def isolate(self):
        """One replica hears none of the others; clients reach everyone."""
        self.lab.between([self.master_or_some().place], self.everyone, cut=True)
        self.hold()

    def isolate_from_all(self):
        """As above, and clients do not reach it either."""
        self.lab.between([self.master_or_some().place], [*self.everyone, self.cell.observer], cut=True)
        self.hold()

    def deaf(self):
        """Others hear it, it hears nobody."""
        one = self.master_or_some().place
        for other in self.everyone:
            self.lab.rule(other, one, cut=True)
        self.hold()

    def mute(self):
        """It hears others, nobody hears it."""
        one = self.master_or_some().place
        for other in self.everyone:
            self.lab.rule(one, other, cut=True)
        self.hold()

    def broken_link(self):
        """Two replicas do not reach each other, a third one reaches both."""
        one, other = self.random.sample(list(self.everyone), 2)
        self.lab.between([one], [other], cut=True)
        self.hold()

    def flapping(self):
        """The network of one comes and goes."""
        one = self.master_or_some().place
        for cut in [True, False] * 4:
            self.lab.between([one], self.everyone, cut=cut)
            self.hold(0.1, 0.6)

    def slow_network(self):
        self.lab.between(self.everyone, self.everyone, delay=0.03, jitter=0.04)
        self.hold()

    def lossy_network(self):
        self.lab.between(self.everyone, [*self.everyone, self.cell.observer], loss=self.random.choice([0.02, 0.1]), repeat=0.02, jitter=0.002)
        self.hold()

    def pause(self):
        """Longer than an election; it goes on in the belief that nothing happened."""
        one = self.master_or_some()
        one.process.send_signal(signal.SIGSTOP)
        self.hold(0.8, 3.0)
        one.process.send_signal(signal.SIGCONT)
        self.hold(0.2, 0.5)

    def kill(self):
        """Again and again, each time as soon as it runs."""
        one = self.master_or_some()
        for _ in range(4):
            one.kill()
            self.hold(0.0, 0.3)
            one.start()
            self.hold(0.1, 0.9)

    def kill_all(self):
        for replica in self.cell.replicas:
            replica.kill()
        self.hold(0.0, 0.5)
        for replica in self.cell.replicas:
            replica.start()
        self.hold(0.5, 1.0)

    def full_disk(self):
        """Not a byte is left; then there is space again, and nobody has to do anything."""
        one = self.master_or_some()
        filler = os.path.join(one.directory, "filler")
        fill(filler)
        self.hold()
        os.remove(filler)
        self.hold(0.6, 1.0)

    def clock_jumps(self):
        """The wall clock of one; leases are measured by another clock."""
        one = self.master_or_some()
        for seconds in (3600, -86400, 0):
            one.set_clock(seconds)
            self.hold(0.5, 1.5)

    def all(self):
        return [self.isolate, self.isolate_from_all, self.deaf, self.mute, self.broken_link, self.flapping, self.slow_network,
                self.lossy_network, self.pause, self.kill, self.kill_all, self.full_disk, self.clock_jumps]


class Stage:
    """A cell in a lab, clients that write down what they see, and the check at the end."""

    def __init__(self, binary, seed):
        self.closing = contextlib.ExitStack()
        try:
            self.open(binary, seed)
        except BaseException:
            self.closing.close()
            raise

    def open(self, binary, seed):
        self.temporary = self.closing.enter_context(tempfile.TemporaryDirectory(prefix="polis-faults-"))
        self.lab = self.closing.enter_context(contextlib.closing(Lab(4, seed)))
        self.cell = self.closing.enter_context(contextlib.closing(Cell(self.lab, self.temporary, binary)))
        self.cell.wait_writes(20)
        self.history_path = os.path.join(self.temporary, "history")
        self.clients = subprocess.Popen(self.lab.command(3, "/usr/bin/python3", os.path.join(HERE, "history.py"), "--endpoints", self.cell.endpoints,
                                                         "--seed", str(seed), "--out", self.history_path), stdin=subprocess.PIPE)
        self.closing.callback(self.stop_clients)

    def stop_clients(self):
        self.clients.kill()
        self.clients.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing.close()

    def operations(self):
        self.clients.stdin.close()
        self.clients.wait(60)
        with open(self.history_path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def changes(self):
        """As each replica tells them, when all of them are there."""
        answer = self.cell.polis("kv", "put", "-e", self.cell.endpoints, "--timeout", "10", "last", "last", "-o", "json")
        revision = json.loads(answer.stdout)["header"]["revision"]
        path = os.path.join(self.temporary, "changes")
        subprocess.run(self.lab.command(3, "/usr/bin/python3", os.path.join(HERE, "history.py"), "--endpoints", self.cell.endpoints,
                                        "--changes-through", str(revision), "--out", path), check=True, timeout=90)
        with open(path, encoding="utf-8") as file:
            return json.load(file)


class FaultsTest(unittest.TestCase):
    def test_no_fault_breaks_a_promise(self):
        with Stage(POLIS, SEED) as stage:
            faults = Faults(stage.cell, SEED)
            until = time.monotonic() + SECONDS
            waiting, happened, spans = [], {}, []
            while time.monotonic() < until:
                if not waiting:
                    waiting = faults.all()
                    faults.random.shuffle(waiting)
                fault = waiting.pop()
                begin = time.monotonic()
                fault()
                stage.lab.heal()
                took = stage.cell.wait_writes(RECOVERY)
                happened.setdefault(fault.__name__, []).append(took)
                spans.append((fault.__name__, begin, time.monotonic()))
                time.sleep(0.5)  # a quiet moment between two faults
                for replica in stage.cell.replicas:
                    self.assertTrue(replica.alive(), f"{replica.name} ended after {fault.__name__}\n{replica.log()[-3000:]}")
            operations = stage.operations()
            history.check(operations, stage.changes())
        ok = sum(op["ok"] for op in operations)
        silences = {}
        for name, begin, end in spans:
            silences.setdefault(name, []).append(history.longest_silence(operations, begin, end))
        print(f"\nseed {SEED}: {len(spans)} faults of {len(happened)} kinds in {SECONDS:.0f} s; {len(operations)} operations, {ok} acknowledged, "
              f"{len(operations) - ok} refused or with unknown outcome: linearizable, watches complete and equal")
        print(f"{'fault':<18} times   longest without a write   after its end")
        for name, took in sorted(happened.items()):
            print(f"{name:<18} {len(took):>5}   {max(silences[name]):>22.2f} s {max(took):>13.2f} s")
        sys.stdout.flush()
        # A test whose clients hardly got through would prove little.
        self.assertGreater(ok, 20 * SECONDS)

    def test_a_cell_that_acknowledges_too_early_is_caught(self):
        for seed in range(1, 6):
            with Stage(BROKEN, seed) as stage:
                faults = Faults(stage.cell, seed)
                for _ in range(2):
                    faults.isolate()
                    stage.lab.heal()
                try:
                    stage.cell.wait_writes(RECOVERY)
                    history.check(stage.operations(), stage.changes())
                except (history.Violation, AssertionError, subprocess.SubprocessError) as seen:
                    print(f"caught: {str(seen)[:200]}")
                    return
        self.fail("nobody noticed that writes were lost")


class CheckTest(unittest.TestCase):
    """The check itself: every kind of lie is noticed."""

    CHANGES = [[2, "a", "1"], [3, "b", "x"], [4, "a", "2"], [5, "b", None]]

    def check(self, op=None, changes=None, more=()):
        ops = [{"client": 0, "ok": True, "start": 10, "end": 11, "value": "", **op}] if op else []
        history.check(ops + list(more), {"one": self.CHANGES, "two": self.CHANGES if changes is None else changes})

    def expect(self, text, *args, **kwargs):
        with self.assertRaisesRegex(history.Violation, text):
            self.check(*args, **kwargs)

    def test_what_happened_is_believed(self):
        self.check({"kind": "put", "key": "a", "value": "2", "revision": 4})
        self.check({"kind": "get", "key": "b", "revision": 4, "read": [3, "x"]})
        self.check({"kind": "get", "key": "b", "revision": 5, "read": None})
        self.check({"kind": "delete", "key": "b", "revision": 5, "deleted": 1})
        self.check({"kind": "delete", "key": "c", "revision": 5, "deleted": 0})
        self.check({"kind": "cas", "key": "a", "value": "2", "revision": 4, "expected": 2, "succeeded": True})
        self.check({"kind": "cas", "key": "a", "value": "9", "revision": 5, "expected": 2, "succeeded": False})

    def test_lies_are_not(self):
        self.expect("acknowledged", {"kind": "put", "key": "a", "value": "3", "revision": 4})
        self.expect("acknowledged", {"kind": "put", "key": "a", "value": "2", "revision": 6})
        self.expect("not there", {"kind": "get", "key": "b", "revision": 5, "read": [3, "x"]})
        self.expect("not there", {"kind": "get", "key": "a", "revision": 4, "read": [2, "1"]})
        self.expect("deleted nothing", {"kind": "delete", "key": "a", "revision": 5, "deleted": 0})
        self.expect("compared wrongly", {"kind": "cas", "key": "a", "value": "2", "revision": 4, "expected": 0, "succeeded": True})
        self.expect("compared wrongly", {"kind": "cas", "key": "a", "value": "9", "revision": 5, "expected": 4, "succeeded": False})
        self.expect("different changes", changes=self.CHANGES[:-1])
        later = {"client": 1, "ok": True, "kind": "get", "key": "a", "start": 12, "end": 13, "revision": 3, "read": [2, "1"]}
        self.expect("stale", {"kind": "put", "key": "a", "value": "2", "revision": 4}, more=[later])


if __name__ == "__main__":
    if reason := why_not():
        print(f"SKIPPED 2 tests: {reason}")
        sys.exit(77)
    unittest.main(verbosity=1)
