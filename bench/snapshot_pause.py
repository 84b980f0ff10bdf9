#!/usr/bin/env python3
"""What clients notice while a state of 2 GB travels to a replica that is far behind, is compacted, and is backed up.

Three replicas. One is stopped while the others are filled; then it comes back. Meanwhile puts come to the master at a steady rate, and
each replica is asked every few milliseconds whether it lives: the longest answer is the longest time for which its loop did nothing else.
"""

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer import Peer, leader, provenance  # noqa: E402

RATE = 200  # puts per second


class Prober(threading.Thread):
    """Asks /livez again and again; keeps the longest time that an answer took."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.stop, self.longest, self.answers = address, threading.Event(), 0.0, 0

    def run(self):
        connection = None
        while not self.stop.is_set():
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(self.address, timeout=10)
                    connection.connect()
                begin = time.monotonic()
                connection.request("GET", "/livez")
                connection.getresponse().read()
                self.longest = max(self.longest, time.monotonic() - begin)
                self.answers += 1
            except (OSError, http.client.HTTPException):
                connection = None  # not started yet
            self.stop.wait(0.002)


def metric(address, name):
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.split()[1]) for line in lines if line.startswith(name + " "))


class Measurement:
    def __init__(self, peer, load, master):
        self.peer, self.load, self.master = peer, load, master

    def until(self, label, done, roles):
        """Measures until `done` says so, at least for four seconds."""
        probers = {role: Prober(self.peer.clients[place]) for role, place in roles.items()}
        for prober in probers.values():
            prober.start()
        begin, reports = time.monotonic(), []
        while not reports or not done():
            reports.append(self.peer.load_at(self.load, self.peer.clients[self.master], "--operation", "put", "--clients", "16", "--connections",
                                             "4", "--rate", str(RATE), "--keys", "1000", "--warmup", "0", "--seconds", "4"))
        for prober in probers.values():
            prober.stop.set()
            prober.join()
        livez = " | ".join(f"{1000 * probers[r].longest:,.0f}" if r in probers and probers[r].answers else "" for r in ("master", "other"))
        p99 = max(r["p99_us"] for r in reports) / 1000
        worst = max(r["max_us"] for r in reports) / 1000
        errors = sum(r["failed"] for r in reports)
        print(f"| {label} | {time.monotonic() - begin:,.0f} | {p99:,.1f} | {worst:,.0f} | {errors} | {livez} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--gigabytes", type=float, default=2)
    parser.add_argument("--value-bytes", type=int, default=1000)
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    polis, load = os.path.join(build, "polis"), os.path.join(build, "polis_load")
    keys = int(args.gigabytes * 1e9 / args.value_bytes)
    peer = Peer("polis", polis, 3)
    try:
        peer.start()
        peer.wait_readable(load)
        master = leader(peer)
        far = (master + 1) % 3
        peer.processes[far].kill()
        peer.processes[far].wait()
        peer.load_at(load, peer.clients[master], "--operation", "put", "--clients", "500", "--connections", "10", "--operations", str(keys),
                     "--sequential", "--keys", str(keys), "--value-bytes", str(args.value_bytes))
        print(provenance(None))
        print(f"\n### {args.gigabytes:g} GB in {keys:,} keys, {RATE} puts a second at the master\n")
        print("| while | s | puts p99, ms (worst 4 s) | puts max, ms | failed | master: longest /livez, ms | other: longest /livez, ms |")
        print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
        run = Measurement(peer, load, master)
        started = time.monotonic()
        run.until("nothing else", lambda: time.monotonic() - started > 12, {"master": master, "other": (master + 2) % 3})
        peer.processes[far] = subprocess.Popen(peer.command(far), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run.until("a snapshot is made, sent and installed (other: its receiver)",
                  lambda: metric(peer.clients[far], "polis_snapshots_installed_total") > 0, {"master": master, "other": far})
        # Into memory: a client that keeps it has a disk of its own.
        with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
            backup = subprocess.Popen([polis, "cell", "snapshot", "save", "-e", peer.clients[master], "--timeout", "600",
                                       os.path.join(directory, "backup")], stdout=subprocess.DEVNULL)
            run.until("a backup is made", lambda: backup.poll() is not None, {"master": master, "other": far})
            if backup.returncode != 0:
                raise RuntimeError("the backup failed")
        # A quarter of the keys once more: history that goes.
        peer.load_at(load, peer.clients[master], "--operation", "put", "--clients", "500", "--connections", "10", "--operations",
                     str(keys // 4), "--sequential", "--keys", str(keys // 4), "--value-bytes", str(args.value_bytes))
        subprocess.run([polis, "kv", "compact", "-e", peer.clients[master]], check=True, stdout=subprocess.DEVNULL)
        started = time.monotonic()
        run.until("history is compacted", lambda: time.monotonic() - started > 20, {"master": master, "other": far})
        print("\nA put waits for the disk of a majority; /livez waits for nothing but the replica's loop.")
    finally:
        peer.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
