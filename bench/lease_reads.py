#!/usr/bin/env python3
"""Reads by the master's lease beside reads by quorum: three replicas, clients of the master, in turn.

Also counts the messages between the master and its peers, less the heartbeats that an idle master sends in the same time.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer import Peer, leader, provenance  # noqa: E402

LOADS = {1: 1, 10: 10, 100: 100, 1000: 100}  # clients: connections


def messages(address):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith("polis_peer_messages_sent_total "))


def one_round(reads, binary, load, seconds):
    peer = Peer("polis", binary, 3, ["--reads", reads])
    try:
        peer.start()
        peer.wait_readable(load)
        place = leader(peer)
        address = peer.clients[place]
        pids = ["--pid", str(peer.processes[place].pid)]
        peer.load(load, "--clients", "100", "--connections", "10", "--operations", "100000", "--sequential", "--keys", "100000")
        time.sleep(1)  # what runs beside comes to rest
        idle = messages(address)
        time.sleep(seconds)
        idle = messages(address) - idle
        found = {}
        for clients, connections in LOADS.items():
            before = messages(address)
            report = peer.load_at(load, address, "--operation", "get", "--clients", str(clients), "--connections", str(connections),
                                  "--warmup", "0", "--seconds", str(seconds), *pids)
            report["messages"] = max(messages(address) - before - idle, 0) / report["operations"]
            found[clients] = report
        return found
    finally:
        peer.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    rounds = {"lease": [], "quorum": []}
    for number in range(args.rounds):
        for reads, found in rounds.items():
            found.append(one_round(reads, os.path.join(build, "polis"), os.path.join(build, "polis_load"), args.seconds))
        print(f"round {number + 1} of {args.rounds} done", file=sys.stderr, flush=True)
    print(provenance(None))
    print(f"\n### Reads at the master, three replicas, medians of {args.rounds} rounds\n")
    print("| clients | | lease | quorum | ratio |\n|---|---|---:|---:|---:|")
    for clients in LOADS:
        for label, field, form in (("reads per second", "per_second", "{:,.0f}"), ("p50, µs", "p50_us", "{:,.0f}"),
                                   ("CPU of the master per read, µs", "server_cpu_us", "{:.1f}"),
                                   ("messages of the master to its peers per read", "messages", "{:.4f}")):
            lease, quorum = (statistics.median(r[clients][field] for r in rounds[kind]) for kind in ("lease", "quorum"))
            print(f"| {clients:,} | {label} | {form.format(lease)} | {form.format(quorum)} | {lease / max(quorum, 1e-9):.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
