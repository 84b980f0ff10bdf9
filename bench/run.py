#!/usr/bin/env python3
"""Measures Polis and etcd in turn, in one run, and prints the ratios.

They alternate round by round, since the speed of a machine wanders; each number is the median of the rounds. The server's CPU
comes from the kernel's own counters. Every server syncs its log before it acknowledges.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer import Peer, find_etcd, provenance, seat_master  # noqa: E402

LOADS = {
    "put, 1 client": ["--operation", "put", "--clients", "1"],
    "put, 1000 clients on 100 connections": ["--operation", "put", "--clients", "1000", "--connections", "100"],
    "linearizable read, 1 client": ["--operation", "get", "--clients", "1"],
    "linearizable read, 1000 clients on 100 connections": ["--operation", "get", "--clients", "1000", "--connections", "100"],
}


def one_round(kind, binary, size, load, seconds, flags=()):
    peer = Peer(kind, binary, size, flags)
    try:
        peer.start()
        peer.wait_readable(load)
        seat_master(peer)  # where a single client goes
        peer.load(load, "--clients", "100", "--connections", "10", "--operations", "100000", "--sequential", "--keys", "100000")
        return {name: peer.load(load, *args, "--seconds", str(seconds)) for name, args in LOADS.items()}
    finally:
        peer.remove()


def range_over_everything(peer, polis):
    """How much anonymous memory the server takes at most, beyond what it had, while one client reads every key."""
    before = peer.anonymous()
    reader = subprocess.Popen([polis, "kv", "get", "-e", peer.clients[0], "--timeout", "120", "--prefix", "", "--value-only"], stdout=subprocess.DEVNULL)
    most = before
    while reader.poll() is None:
        most = max(most, peer.anonymous())
        time.sleep(0.005)
    if reader.returncode != 0:
        raise RuntimeError(f"{peer.kind}: the range over everything failed")
    return most - before


def memory_round(kind, binary, load, keys, polis):
    peer = Peer(kind, binary, 1)
    try:
        peer.start()
        peer.wait_readable(load)
        peer.load(load, "--clients", "500", "--connections", "20", "--operations", str(keys), "--sequential", "--keys", str(keys))
        time.sleep(2)  # what runs beside comes to rest
        anonymous = peer.anonymous()
        grown = range_over_everything(peer, polis)
        peer.stop()
        peer.start()
        restart = peer.wait_readable(load)
        return {"anonymous": anonymous, "grown": grown, "restart": restart, "anonymous_after_restart": peer.anonymous()}
    finally:
        peer.remove()


def median(rounds, kind, name, field):
    return statistics.median(r[kind][name][field] for r in rounds)


def table(size, rounds):
    lines = [f"\n### {size} replica{'s' if size > 1 else ''}, medians of {len(rounds)} rounds\n",
             "| load | | Polis | etcd | ratio |", "|---|---|---:|---:|---:|"]
    for name in LOADS:
        fields = [("per second", "per_second", "{:,.0f}", 1), ("p50, µs", "p50_us", "{:,.0f}", 1), ("p99, µs", "p99_us", "{:,.0f}", 1),
                  ("server CPU per operation, µs", "server_cpu_us", "{:,.1f}", 1)]
        for i, (label, field, form, _) in enumerate(fields):
            polis, etcd = median(rounds, "polis", name, field), median(rounds, "etcd", name, field)
            lines.append(f"| {name if i == 0 else ''} | {label} | {form.format(polis)} | {form.format(etcd)} | {polis / max(etcd, 1e-9):.2f} |")
        generator = [r[k][name]["generator_cpu_us"] for r in rounds for k in r]
        lines.append(f"| | generator CPU, µs | {statistics.median(generator):.1f} | | |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--memory-keys", type=int, default=1_000_000)
    parser.add_argument("--output", help="write the report here as well")
    parser.add_argument("--polis-only", action="store_true", help="without etcd, to see that the benchmark itself works")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    load = os.path.join(build, "polis_load")
    binaries = {"polis": os.path.join(build, "polis")}
    if not args.polis_only:
        binaries["etcd"] = find_etcd()
    lines = [f"{provenance(binaries.get('etcd'))}; values of 256 bytes, keys of 8; every write is synced by a quorum before it is "
             "acknowledged; servers and generator share the machine."]
    for size in (3, 1):
        rounds = []
        for number in range(args.rounds):
            rounds.append({kind: one_round(kind, binary, size, load, args.seconds) for kind, binary in binaries.items()})
            print(f"{size} replicas, round {number + 1} of {args.rounds} done", file=sys.stderr, flush=True)
        if args.polis_only:
            print(json.dumps(rounds))
        else:
            lines += table(size, rounds)
    memory = {kind: memory_round(kind, binary, load, args.memory_keys, binaries["polis"]) for kind, binary in binaries.items()}
    if args.polis_only:
        print(json.dumps(memory))
        return 0
    p, e = memory["polis"], memory["etcd"]
    lines += [f"\n### One replica with {args.memory_keys:,} keys of 256 bytes\n", "| | Polis | etcd | ratio |", "|---|---:|---:|---:|",
              f"| anonymous memory (RssAnon), MB | {p['anonymous'] / 1e6:.0f} | {e['anonymous'] / 1e6:.0f} | {p['anonymous'] / e['anonymous']:.2f} |",
              f"| and after a restart, MB | {p['anonymous_after_restart'] / 1e6:.0f} | {e['anonymous_after_restart'] / 1e6:.0f} | "
              f"{p['anonymous_after_restart'] / e['anonymous_after_restart']:.2f} |",
              f"| more while one client reads everything, MB | {p['grown'] / 1e6:.1f} | {e['grown'] / 1e6:.1f} | {p['grown'] / max(e['grown'], 1):.3f} |",
              f"| restart to the first linearizable read, s | {p['restart']:.2f} | {e['restart']:.2f} | {p['restart'] / e['restart']:.2f} |"]
    print("\n".join(lines))
    if args.output:
        with open(args.output, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
