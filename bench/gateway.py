#!/usr/bin/env python3
"""The JSON gateways of Polis and etcd: one replica each, in turn; what a request costs the server.

The generator is slower than the servers, so what counts is the server's CPU, not the rate.
"""

import argparse
import base64
import http.client
import json
import os
import statistics
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer import Peer, find_etcd, provenance  # noqa: E402

CLIENTS = 8


def text(value):
    return base64.b64encode(value.encode()).decode()


LOADS = {
    "put of 256 bytes": ("/v3/kv/put", lambda i: {"key": text(f"key{i % 1000}"), "value": text("v" * 256)}),
    "range of one key": ("/v3/kv/range", lambda i: {"key": text(f"key{i % 1000}")}),
}


def client(address, path, body, count, failures):
    host, port = address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    for i in range(count):
        connection.request("POST", path, json.dumps(body(i)), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            failures.append(answer.status)
    connection.close()


def measure(peer, path, body, requests):
    """Requests per second of the server's CPU."""
    failures, before = [], peer.cpu_seconds()
    threads = [threading.Thread(target=client, args=(peer.clients[0], path, body, requests // CLIENTS, failures)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(f"{peer.kind}: {len(failures)} requests failed, the first with status {failures[0]}")
    return requests / (peer.cpu_seconds() - before)


def one_round(kind, binary, load, requests):
    peer = Peer(kind, binary, 1)
    try:
        peer.start()
        peer.wait_readable(load)
        return {name: measure(peer, path, body, requests) for name, (path, body) in LOADS.items()}
    finally:
        peer.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=8000)
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    binaries = {"polis": os.path.join(build, "polis"), "etcd": find_etcd()}
    rounds = [{kind: one_round(kind, binary, os.path.join(build, "polis_load"), args.requests) for kind, binary in binaries.items()}
              for _ in range(args.rounds)]
    print(provenance(binaries["etcd"]))
    print("\n| JSON requests per second of server CPU | Polis | etcd | ratio |\n|---|---:|---:|---:|")
    for name in LOADS:
        polis, etcd = (statistics.median(r[kind][name] for r in rounds) for kind in binaries)
        print(f"| {name} | {polis:,.0f} | {etcd:,.0f} | {polis / etcd:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
