"""A server to be measured: Polis or etcd, as one process or several on loopback."""

import datetime
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "test"))
from cell_process import free_ports  # noqa: E402


class Peer:
    """A cell of one kind, of some size, in a directory of its own."""

    def __init__(self, kind, binary, size, flags=()):
        self.kind, self.binary, self.size, self.flags = kind, binary, size, list(flags)
        self.directory = tempfile.mkdtemp(prefix=f"polis-bench-{kind}-")
        ports = free_ports(2 * size)
        self.clients = [f"127.0.0.1:{p}" for p in ports[:size]]
        self.peers = [f"127.0.0.1:{p}" for p in ports[size:]]
        self.processes = []

    def command(self, i):
        name = "abcdefg"[i]
        data = os.path.join(self.directory, name)
        if self.kind == "polis":
            initial = ",".join(f"{'abcdefg'[j]}={p}" for j, p in enumerate(self.peers))
            return [self.binary, "cell", "run", "--name", name, "--data-dir", data, "--client", self.clients[i], "--peer", self.peers[i],
                    "--initial", initial, "--log-level", "error", *self.flags]
        initial = ",".join(f"{'abcdefg'[j]}=http://{p}" for j, p in enumerate(self.peers))
        return [self.binary, "--name", name, "--data-dir", data, "--listen-client-urls", "http://" + self.clients[i],
                "--advertise-client-urls", "http://" + self.clients[i], "--listen-peer-urls", "http://" + self.peers[i],
                "--initial-advertise-peer-urls", "http://" + self.peers[i], "--initial-cluster", initial, "--log-level", "error",
                "--quota-backend-bytes", str(8 << 30)]

    def start(self):
        self.processes = [subprocess.Popen(self.command(i), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for i in range(self.size)]

    def stop(self, how=signal.SIGTERM):
        for p in self.processes:
            p.send_signal(how)
        for p in self.processes:
            p.wait()

    def remove(self):
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.directory)

    @property
    def endpoints(self):
        return ",".join(self.clients)

    def wait_readable(self, load):
        """Seconds until a linearizable read is answered."""
        start = time.monotonic()
        while time.monotonic() - start < 60:
            done = subprocess.run([load, "--endpoints", self.clients[0], "--operation", "get", "--operations", "1"], capture_output=True, text=True)
            if done.returncode == 0 and json.loads(done.stdout)["operations"] == 1:
                return time.monotonic() - start
        raise TimeoutError(f"{self.kind} answers no read")

    def anonymous(self):
        total = 0
        for p in self.processes:
            with open(f"/proc/{p.pid}/status", encoding="utf-8") as f:
                total += next(int(line.split()[1]) for line in f if line.startswith("RssAnon")) * 1024
        return total

    def cpu_seconds(self):
        """Of all threads of all replicas, by the kernel's schedstat."""
        total = 0
        for p in self.processes:
            for task in os.listdir(f"/proc/{p.pid}/task"):
                with open(f"/proc/{p.pid}/task/{task}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
        return total / 1e9

    def near(self, *command):
        """The command as it runs where the replicas can be reached."""
        return list(command)

    def load(self, load, *args):
        pids = [a for p in self.processes for a in ("--pid", str(p.pid))]
        return self.load_at(load, self.endpoints, *args, *pids)

    def load_at(self, load, endpoints, *args):
        """What the generator reports of a load on these replicas."""
        done = subprocess.run([load, "--endpoints", endpoints, *args], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)


def etcdctl(peer, endpoints, *args):
    """What etcdctl did, and said."""
    return subprocess.run(peer.near("etcdctl", "--endpoints", endpoints, "--command-timeout", "2s", *args), capture_output=True, text=True,
                          env={**os.environ, "ETCDCTL_API": "3"}, check=False)


def statuses(peer):
    """Of all replicas, as they stand in the peer; nothing if not all of them answer."""
    try:
        found = [s["Status"] for s in json.loads(etcdctl(peer, peer.endpoints, "endpoint", "status", "-w", "json").stdout)]
    except (json.JSONDecodeError, TypeError):
        return []
    return found if len(found) == peer.size else []


def settled(peer, timeout=30):
    """The place of the master among the processes, and the statuses that say so; waits for one whom all agree on."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = statuses(peer)
        leaders = {s.get("leader", 0) for s in found}
        if len(leaders) == 1 and leaders != {0}:
            return [s["header"]["member_id"] for s in found].index(leaders.pop()), found
    raise TimeoutError(f"{peer.kind}: no master")


def leader(peer, timeout=30):
    return settled(peer, timeout)[0]


def seat_master(peer, place=0):
    """Makes this replica the master: who is elected is chance, and clients of the master take a shorter way than others."""
    at, found = settled(peer)
    if at == place:
        return
    target = found[place]["header"]["member_id"]
    done = etcdctl(peer, peer.clients[at], "move-leader", f"{target:x}")
    if done.returncode != 0 or leader(peer) != place:
        raise RuntimeError(f"{peer.kind}: mastership did not move: {done.stderr}")


def find_etcd():
    """The path of etcd; unpacks it on first use."""
    done = subprocess.run([os.path.join(ROOT, "bench/get-etcd"), os.path.join(ROOT, "peers")], check=True, capture_output=True, text=True)
    return os.path.join(done.stdout.strip(), "etcd")


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = next(line.split(":")[1].strip() for line in f if line.startswith("model name"))
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release()}"


def provenance(etcd):
    """What a table of figures needs beside it."""
    version = "none"
    if etcd:
        version = subprocess.run([etcd, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return f"{datetime.date.today()}, {machine()}; commit {commit}; peer {version}"
