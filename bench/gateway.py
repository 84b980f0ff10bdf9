#!/usr/bin/env python3
"""The JSON gateways of Polis and etcd: one replica each, in turn; what a request costs the server.

The generators are as fast as the servers or slower, so what counts is the server's CPU, not the rate. wrk (from apt) sends each request as
one piece; Python's http.client sends its head and its body apart, so the server reads twice. TMPDIR=/dev/shm leaves the disk out.
"""

import argparse
import base64
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer import Peer, find_etcd, provenance  # noqa: E402

CLIENTS = 8
KEYS = 1000
WRK_CONNECTIONS = (100, 8, 1)


def text(value):
    return base64.b64encode(value.encode()).decode()


LOADS = {
    "put of 256 bytes": ("/v3/kv/put", lambda i: {"key": text(f"key{i % KEYS}"), "value": text("v" * 256)}),
    "range of one key": ("/v3/kv/range", lambda i: {"key": text(f"key{i % KEYS}")}),
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
    """Microseconds of the server's CPU for each request of Python's clients."""
    failures, before = [], peer.cpu_seconds()
    threads = [threading.Thread(target=client, args=(peer.clients[0], path, body, requests // CLIENTS, failures)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(f"{len(failures)} requests failed, the first with status {failures[0]}")
    return (peer.cpu_seconds() - before) / requests * 1e6


def script(path, body):
    """What wrk sends: the requests for all keys, one after the other."""
    bodies = ",\n".join("'" + json.dumps(body(i)) + "'" for i in range(KEYS))
    return ('local requests, at = {}, 0\n'
            f'init = function()\n  for i, body in ipairs({{{bodies}}}) do\n'
            f'    requests[i] = wrk.format("POST", "{path}", {{["Content-Type"] = "application/json"}}, body)\n  end\nend\n'
            f'request = function() at = at % {KEYS} + 1 return requests[at] end\n')


def measure_wrk(peer, path, body, connections, seconds):
    """The same of wrk's connections."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script(path, body))
        file.flush()
        before = peer.cpu_seconds()
        done = subprocess.run(["wrk", f"-c{connections}", "-t1", f"-d{seconds}s", "-s", file.name, f"http://{peer.clients[0]}"],
                              capture_output=True, text=True, check=True).stdout
        used = peer.cpu_seconds() - before
    if "Non-2xx" in done:
        raise RuntimeError(done)
    return used / int(re.search(r"(\d+) requests in", done).group(1)) * 1e6


def one_round(kind, binary, load, args):
    peer = Peer(kind, binary, 1)
    try:
        peer.start()
        peer.wait_readable(load)
        found = {}
        for name, (path, body) in LOADS.items():
            if shutil.which("wrk"):
                measure_wrk(peer, path, body, CLIENTS, 1)  # warms up, and writes the keys
                for connections in WRK_CONNECTIONS:
                    found[f"{name}, {connections} connections"] = measure_wrk(peer, path, body, connections, args.seconds)
            found[f"{name}, {CLIENTS} clients in Python"] = measure(peer, path, body, args.requests)
        return found
    finally:
        peer.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=8000, help="of the clients in Python")
    parser.add_argument("--seconds", type=int, default=3, help="of each load of wrk")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    binaries = {"polis": os.path.join(build, "polis"), "etcd": find_etcd()}
    rounds = [{kind: one_round(kind, binary, os.path.join(build, "polis_load"), args) for kind, binary in binaries.items()}
              for _ in range(args.rounds)]
    print(provenance(binaries["etcd"]))
    print("\n| microseconds of server CPU for a JSON request | Polis | etcd | ratio |\n|---|---:|---:|---:|")
    for name in rounds[0]["polis"]:
        polis, etcd = (statistics.median(r[kind][name] for r in rounds) for kind in binaries)
        print(f"| {name} | {polis:.1f} | {etcd:.0f} | {etcd / polis:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
