#!/usr/bin/env python3
"""Measures cells of three with Raft, with Paxos, and etcd in turn, in one run, and prints the ratios.

They take turns in every order, since the speed of a machine wanders and rounds that only rotate have each come after the same other one. Each
number is the median of the rounds.
"""

import argparse
import itertools
import os
import statistics
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer import find_etcd, provenance  # noqa: E402
from run import LOADS, one_round  # noqa: E402

FIELDS = [("per second", "per_second", "{:,.0f}"), ("p50, µs", "p50_us", "{:,.0f}"), ("p99, µs", "p99_us", "{:,.0f}"),
          ("server CPU per operation, µs", "server_cpu_us", "{:,.1f}")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=6, help="six have every order once")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--replicas", type=int, default=3)
    args = parser.parse_args()
    polis, load = os.path.join(args.build, "polis"), os.path.join(args.build, "polis_load")
    peers = {"raft": ("polis", polis, ["--protocol", "raft"]), "paxos": ("polis", polis, ["--protocol", "paxos"]), "etcd": ("etcd", find_etcd(), [])}
    rounds = []
    orders = itertools.cycle(itertools.permutations(peers))
    for number, order in zip(range(args.rounds), orders):
        rounds.append({name: one_round(*peers[name][:2], args.replicas, load, args.seconds, peers[name][2]) for name in order})
        print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
    print(f"{provenance(find_etcd())}\n\n### {args.replicas} replicas, medians of {args.rounds} rounds\n")
    print("| load | | Raft | Paxos | etcd | Paxos / Raft |\n|---|---|---:|---:|---:|---:|")
    for name in LOADS:
        for i, (label, field, form) in enumerate(FIELDS):
            raft, paxos, etcd = (statistics.median(r[peer][name][field] for r in rounds) for peer in ("raft", "paxos", "etcd"))
            print(f"| {name if i == 0 else ''} | {label} | {form.format(raft)} | {form.format(paxos)} | {form.format(etcd)} | {paxos / max(raft, 1e-9):.2f} |")


if __name__ == "__main__":
    main()
