#!/usr/bin/env python3
"""How long no write succeeds when the master dies, or is stopped: Polis and etcd in turn, three replicas on loopback, default settings.

500 writes a second are due all the time, from clients that are spread over the replicas and go elsewhere when theirs is gone. In each
trial the master gets SIGKILL (or SIGTERM); the figure is the longest time between two successful writes of anybody.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer import Peer, find_etcd, leader, provenance  # noqa: E402

RATE = 500


def trial(peer, load, how, busy):
    """Seconds without a successful write around the end of the master."""
    place = leader(peer)
    extra = ["--clients", "1000", "--connections", "9", "--keys", "10000"]
    generator = subprocess.Popen([load, "--endpoints", peer.endpoints, "--rate", str(RATE), "--warmup", "0.5", "--seconds", "4", *extra],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        time.sleep(1.5)  # into the measured time
        peer.processes[place].send_signal(how)
        peer.processes[place].wait()
        report = json.loads(generator.communicate(timeout=60)[0])
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    peer.processes[place] = subprocess.Popen(peer.command(place), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return report["silence_max_us"] / 1e6


def measure(binaries, load, how, trials, busy=0):
    found = {kind: [] for kind in binaries}
    peers = {}
    try:
        for kind, binary in binaries.items():
            peers[kind] = Peer(kind, binary, 3)
            peers[kind].start()
            leader(peers[kind])
        for number in range(trials):
            for kind, peer in peers.items():
                found[kind].append(trial(peer, load, how, busy))
            print(f"trial {number + 1} of {trials}: " + ", ".join(f"{kind} {values[-1]:.3f} s" for kind, values in found.items()),
                  file=sys.stderr, flush=True)
    finally:
        for peer in peers.values():
            peer.remove()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--polis-only", action="store_true")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    binaries = {"polis": os.path.join(build, "polis")}
    if not args.polis_only:
        binaries["etcd"] = find_etcd()
    load = os.path.join(build, "polis_load")
    print(provenance(binaries.get("etcd")))
    print(f"\n### No write succeeds for, seconds, {RATE} writes a second, {args.trials} trials each\n")
    print("| | | median | worst |\n|---|---|---:|---:|")
    for title, how, busy in (("master killed (SIGKILL)", signal.SIGKILL, 0), ("and both cores busy with something else", signal.SIGKILL, 2),
                             ("master stopped (SIGTERM)", signal.SIGTERM, 0)):
        for kind, values in measure(binaries, load, how, args.trials, busy).items():
            print(f"| {title} | {kind} | {statistics.median(values):.3f} | {max(values):.3f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
