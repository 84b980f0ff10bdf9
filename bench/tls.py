#!/usr/bin/env python3
"""What TLS costs: three replicas with it, for clients and among themselves, beside three without, in turn."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer import Peer, provenance  # noqa: E402

LOADS = {
    "put, 1000 clients on 100 connections": ["--operation", "put", "--clients", "1000", "--connections", "100"],
    "linearizable read, 1000 clients on 100 connections": ["--operation", "get", "--clients", "1000", "--connections", "100"],
    "put, 1 client": ["--operation", "put", "--clients", "1"],
}


def certificates(polis, directory):
    """Files of an authority and of one certificate, for all replicas."""
    for words in (["init"], ["issue", "replica", "--host", "127.0.0.1"]):
        subprocess.run([polis, "cert", *words, "--dir", directory], check=True, capture_output=True)
    return [os.path.join(directory, name) for name in ("ca.crt", "replica.crt", "replica.key")]


def wait_readable(peer, load, flags):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = subprocess.run([load, "--endpoints", peer.clients[0], "--operation", "get", "--operations", "1", *flags], capture_output=True)
        if done.returncode == 0:
            return
    raise TimeoutError("no read is answered")


def one_round(binary, load, seconds, replica_flags, client_flags):
    peer = Peer("polis", binary, 3, replica_flags)
    try:
        peer.start()
        wait_readable(peer, load, client_flags)
        peer.load(load, *client_flags, "--clients", "100", "--connections", "10", "--operations", "50000", "--sequential", "--keys", "50000")
        return {name: peer.load(load, *client_flags, *args, "--keys", "50000", "--seconds", str(seconds)) for name, args in LOADS.items()}
    finally:
        peer.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    polis, load = os.path.join(build, "polis"), os.path.join(build, "polis_load")
    with tempfile.TemporaryDirectory(prefix="polis-bench-certs-") as directory:
        authority, certificate, key = certificates(polis, directory)
        kinds = {"plain": ([], []),
                 "TLS": (["--cert-file", certificate, "--key-file", key, "--peer-cert-file", certificate, "--peer-key-file", key,
                          "--peer-trusted-ca-file", authority], ["--cacert", authority])}
        rounds = []
        for number in range(args.rounds):
            rounds.append({kind: one_round(polis, load, args.seconds, *flags) for kind, flags in kinds.items()})
            print(f"round {number + 1} of {args.rounds} done", file=sys.stderr, flush=True)
    print(provenance(None))
    print("\n| load | | plain | TLS | ratio |\n|---|---|---:|---:|---:|")
    for name in LOADS:
        for label, field, form in (("per second", "per_second", "{:,.0f}"), ("p50, µs", "p50_us", "{:,.0f}"),
                                   ("server CPU per operation, µs", "server_cpu_us", "{:,.1f}")):
            plain, tls = (statistics.median(r[kind][name][field] for r in rounds) for kind in kinds)
            print(f"| {name if field == 'per_second' else ''} | {label} | {form.format(plain)} | {form.format(tls)} | {tls / plain:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
