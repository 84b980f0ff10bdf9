#!/usr/bin/env python3
"""Latency of writes where every link loses packets: cells of three with Raft, with Paxos, and etcd in turn.

Real processes, each in a network namespace of its own, joined by a switch that loses the given share of packets in each direction
(test/netlab.py). The client is beside the master, on a link without loss, and writes on a schedule. Needs root.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer import ROOT, Peer, find_etcd, leader, provenance  # noqa: E402

sys.path.insert(0, os.path.join(ROOT, "test"))
import netlab  # noqa: E402


class Remote(Peer):
    """A cell whose replicas are each in a namespace of the lab."""

    def __init__(self, lab, kind, binary, flags):
        super().__init__(kind, binary, 3, flags)
        self.lab = lab
        self.clients = [f"{lab.address(i)}:2379" for i in range(3)]
        self.peers = [f"{lab.address(i)}:2380" for i in range(3)]

    def command(self, i):
        return self.lab.command(i, *super().command(i))

    def near(self, *command, place=0):
        return self.lab.command(place, *command)


def one_round(kind, binary, flags, load, args, seed):
    lab = netlab.Lab(3, seed)
    peer = Remote(lab, kind, binary, flags)
    try:
        peer.start()
        place = leader(peer)
        lab.between(range(3), range(3), loss=args.loss / 100, delay=args.delay / 1000)
        lab.apply()
        done = subprocess.run(
            peer.near(load, "--endpoints", peer.clients[place], "--operation", "put", "--clients", "200", "--connections", "20", "--rate",
                      str(args.rate), "--seconds", str(args.seconds), "--value-bytes", "100", place=place),
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{kind}: the load ended with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)
    finally:
        peer.remove()
        lab.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=int, default=200, help="writes a second")
    parser.add_argument("--loss", type=float, default=1, help="percent of packets, on every link, in each direction")
    parser.add_argument("--delay", type=float, default=0, help="milliseconds, one way")
    args = parser.parse_args()
    if netlab.why_not():
        sys.exit("bench/loss.py: " + netlab.why_not())
    build = os.path.abspath(args.build)
    polis, load = os.path.join(build, "polis"), os.path.join(build, "polis_load")
    peers = {"Raft": ("polis", polis, ["--protocol", "raft"]), "Paxos": ("polis", polis, ["--protocol", "paxos"]), "etcd": ("etcd", find_etcd(), [])}
    rounds = []
    for number in range(args.rounds):
        order = list(peers)[number % 3:] + list(peers)[:number % 3]
        rounds.append({name: one_round(*peers[name], load, args, number) for name in order})
        print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
    print(f"{provenance(find_etcd())}\n\n### {args.loss:g} % of packets lost on every link, {args.rate} writes a second, medians of {args.rounds} rounds\n")
    print("| latency of a write | " + " | ".join(peers) + " | Paxos / Raft |\n|---|" + "---:|" * (len(peers) + 1))
    for label, field in (("p50, µs", "p50_us"), ("p99, µs", "p99_us"), ("p99.9, µs", "p999_us")):
        values = [statistics.median(r[name][field] for r in rounds) for name in peers]
        print(f"| {label} | " + " | ".join(f"{v:,.0f}" for v in values) + f" | {values[1] / max(values[0], 1e-9):.2f} |")


if __name__ == "__main__":
    main()
