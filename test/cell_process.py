"""A cell of real processes on loopback, for the demo and for tests."""

import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time


def protocol_flags():
    """FOUNDED_WITH says with which protocol cells are founded."""
    protocol = os.environ.get("FOUNDED_WITH", "")
    return ["--protocol", protocol] if protocol else []


# Below the range from which the kernel gives ports to whoever connects: a port whose server is down at the moment stays free.
PORTS = range(10000, 32000)
PORT_LOCKS = os.path.join(tempfile.gettempdir(), "polis-test-ports")
held_ports = []  # open files with a lock each, until this process ends


def hold_port():
    """A port that no other test gets while this process lives (test/process_cell.hh keeps the same rules), or None."""
    port = random.choice(PORTS)
    try:
        lock = open(os.path.join(PORT_LOCKS, str(port)), "w", encoding="utf-8")
    except PermissionError:  # another user's
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", port))
    except OSError:
        lock.close()
        return None
    held_ports.append(lock)
    return port


def free_ports(count):
    """Ports for servers of this process, all different."""
    os.makedirs(PORT_LOCKS, exist_ok=True)
    found = []
    for _ in range(1000 * count):
        if len(found) == count:
            break
        if port := hold_port():
            found.append(port)
    if len(found) < count:
        raise RuntimeError(f"no {count} free ports between {PORTS.start} and {PORTS.stop}; locks lie in {PORT_LOCKS}")
    return found


class Writer(threading.Thread):
    """Writes k0, k1, ... through whoever answers, and keeps what was acknowledged and what was refused or not known."""

    def __init__(self, polis, endpoints, timeout=5):
        super().__init__(daemon=True)
        self.polis, self.endpoints, self.timeout = polis, endpoints, timeout
        self.acknowledged, self.failed, self.stop = [], [], threading.Event()

    def run(self):
        number = 0
        while not self.stop.is_set():
            done = subprocess.run([self.polis, "kv", "put", "-e", self.endpoints(), "--timeout", str(self.timeout), f"k{number}", "v"],
                                  capture_output=True, text=True)
            if done.returncode == 0:
                self.acknowledged.append(f"k{number}")
            else:
                self.failed.append(done.stderr)
            number += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.join()


class Process:
    """What a replica is everywhere: a process and its log."""

    process, log_path = None, None

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()


class Replica(Process):
    def __init__(self, cell, name, client_port, peer_port):
        self.cell, self.name, self.polis = cell, name, cell.polis
        self.client = f"127.0.0.1:{client_port}"
        self.peer = f"127.0.0.1:{peer_port}"
        self.directory = os.path.join(cell.directory, name)
        self.log_path = os.path.join(cell.directory, name + ".log")
        self.process = None

    def start(self, *more):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [self.polis, "cell", "run", "--name", self.name, "--data-dir", self.directory, "--client", self.client,
                 "--peer", self.peer, "--initial", self.cell.initial, *protocol_flags(), *self.cell.flags, *more],
                stdout=log, stderr=log, preexec_fn=self.cell.before_exec, env=self.cell.environment)

    def join(self):
        """Starts as one who was added to a cell that runs."""
        members = ",".join(r.client for r in self.cell.replicas if r.alive())
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [self.polis, "cell", "run", "--name", self.name, "--data-dir", self.directory, "--client", self.client,
                 "--peer", self.peer, "--join", members], stdout=log, stderr=log)

    def wait_serving(self, timeout=20):
        """Until it answers a read from itself alone."""
        deadline = time.monotonic() + timeout
        while subprocess.run([self.cell.polis, "kv", "get", "-e", self.client, "--timeout", "1", "--serializable", "--count-only", "x"],
                             capture_output=True).returncode != 0:
            if time.monotonic() > deadline or not self.alive():
                raise TimeoutError(f"replica {self.name} does not serve\n" + self.log()[-2000:])

    def stop(self, timeout=10):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)


class Cell:
    def __init__(self, polis, directory, size=3, flags=()):
        self.polis, self.directory, self.flags = polis, directory, list(flags)
        self.before_exec = None  # called in each new process: limits, for example
        self.environment = None  # of each new process; None: this one's
        os.makedirs(directory, exist_ok=True)
        ports = free_ports(2 * size)
        names = "abcdefg"[:size]
        self.replicas = [Replica(self, n, ports[2 * i], ports[2 * i + 1]) for i, n in enumerate(names)]
        self.initial = ",".join(f"{r.name}={r.peer}" for r in self.replicas)

    @property
    def endpoints(self):
        return ",".join(r.client for r in self.replicas)

    def start(self):
        for r in self.replicas:
            r.start()

    def kill(self):
        for r in self.replicas:
            r.kill()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def status(self):
        """What the replicas say of themselves; [] while nobody answers."""
        for r in self.replicas:
            if not r.alive():
                continue
            done = subprocess.run([self.polis, "cell", "status", "-e", r.client, "--timeout", "1", "-o", "json"],
                                  capture_output=True, text=True)
            try:
                return json.loads(done.stdout)
            except json.JSONDecodeError:
                continue
        return []

    def master(self, timeout=20):
        """The replica that serves as master; waits for one."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for one in self.status():
                if one.get("role") == "master":
                    return next(r for r in self.replicas if r.name == one["name"])
            time.sleep(0.02)  # between two looks at a cell that has no master yet
        raise TimeoutError(f"no master within {timeout} s\n" + "\n".join(r.log()[-2000:] for r in self.replicas))

    def wait_ready(self, timeout=20):
        """Until a linearizable read is served; gives the seconds it took."""
        start = time.monotonic()
        while time.monotonic() - start < timeout:
            done = subprocess.run([self.polis, "kv", "get", "-e", self.endpoints, "--timeout", "1", "--count-only", "x"],
                                  capture_output=True)
            if done.returncode == 0:
                return time.monotonic() - start
        raise TimeoutError("the cell serves no read\n" + "\n".join(r.log()[-2000:] for r in self.replicas))
