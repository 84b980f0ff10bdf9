#!/usr/bin/env python3
"""Two binaries of Polis in turn, under one load: what a change has cost.

    bench/binaries.py OLD NEW [--replicas 3] [--rounds 4] -- --operation get --clients 1000 --connections 100
"""

import argparse
import os
import statistics
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer import Peer, machine  # noqa: E402

FIGURES = ("per_second", "p50_us", "p99_us", "server_cpu_us")


def measure(binary, replicas, load, arguments):
    peer = Peer("polis", binary, replicas)
    try:
        peer.start()
        peer.wait_readable(load)
        return peer.load(load, *arguments)
    finally:
        peer.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--build", default="build", help="where polis_load lies")
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("load", nargs="+", help="the flags of polis_load, behind --")
    args = parser.parse_args()
    load = os.path.join(os.path.abspath(args.build), "polis_load")
    rounds = [[measure(os.path.abspath(binary), args.replicas, load, ["--seconds", "3", "--warmup", "1", *args.load]) for binary in (args.old, args.new)]
              for _ in range(args.rounds)]
    print(f"{machine()}; {args.replicas} replicas, medians of {args.rounds} rounds in turn: {' '.join(args.load)}")
    print("\n| | old | new | ratio |\n|---|---:|---:|---:|")
    for figure in FIGURES:
        old, new = (statistics.median(r[which][figure] for r in rounds) for which in (0, 1))
        print(f"| {figure} | {old:,.1f} | {new:,.1f} | {new / old:.3f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
