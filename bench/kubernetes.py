#!/usr/bin/env python3
"""What Kubernetes' API server costs the store behind it: Polis and etcd, three replicas each, in turn.

The API server starts, clients create objects while others watch and list, and all objects are deleted as one collection. What counts is the
CPU of the replicas from before the start until after the deletion, and their anonymous memory at its highest.

    bench/kubernetes.py --apiserver PATH     kube-apiserver; Polis brings none
"""

import argparse
import json
import os
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer import Peer, find_etcd, free_ports, provenance  # noqa: E402

CREATORS, WATCHERS, LISTS = 8, 20, 10
TOKEN = "bench-token"
OBJECTS = "/api/v1/namespaces/default/configmaps"


class ApiServer:
    """kube-apiserver over a cell, with one user who may do everything."""

    def __init__(self, binary, servers):
        self.directory = tempfile.mkdtemp(prefix="polis-bench-kubernetes-")
        self.log = open(os.path.join(self.directory, "log"), "wb")
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE  # it makes its own certificate
        key = os.path.join(self.directory, "key.pem")
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        tokens = os.path.join(self.directory, "tokens.csv")
        with open(tokens, "w", encoding="ascii") as file:
            file.write(f'{TOKEN},admin,admin,"system:masters"\n')
        port, = free_ports(1)
        self.address = f"https://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [binary, "--etcd-servers", ",".join("http://" + s for s in servers), "--secure-port", str(port), "--bind-address", "127.0.0.1",
             "--cert-dir", self.directory, "--authorization-mode", "AlwaysAllow", "--token-auth-file", tokens,
             "--service-account-issuer", "https://bench", "--service-account-key-file", key, "--service-account-signing-key-file", key,
             "--service-cluster-ip-range", "10.0.0.0/24"],
            stdout=self.log, stderr=self.log)

    def call(self, method, path, body=None, timeout=120):
        request = urllib.request.Request(self.address + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": "Bearer " + TOKEN, "Content-Type": "application/json"})
        return urllib.request.urlopen(request, context=self.tls, timeout=timeout)

    def wait_ready(self):
        deadline = time.monotonic() + 120
        while True:
            try:
                with self.call("GET", "/readyz") as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(self.log.name, encoding="utf-8", errors="replace") as log:
                    raise RuntimeError("kube-apiserver is not ready; it says\n" + log.read()[-1500:])
            time.sleep(0.1)  # between two looks

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.directory)


def create(server, first, count, times, failures):
    for i in range(first, first + count):
        start = time.monotonic()
        try:
            server.call("POST", OBJECTS, {"metadata": {"name": f"object-{i}"}, "data": {"value": "v" * 500}}).read()
            times.append(time.monotonic() - start)
        except (urllib.error.URLError, OSError) as error:
            failures.append(str(error))


def watch(server, events):
    try:
        for _ in server.call("GET", OBJECTS + "?watch=1", timeout=600):
            events.append(1)
    except (urllib.error.URLError, OSError, ValueError):
        pass  # it ends with its server


def one_round(kind, binary, load, apiserver, objects):
    peer = Peer(kind, binary, 3)
    server, most = None, [0]
    done = threading.Event()

    def look():
        while not done.wait(0.5):
            most[0] = max(most[0], peer.anonymous())
    try:
        peer.start()
        peer.wait_readable(load)
        looker = threading.Thread(target=look)
        looker.start()
        before = peer.cpu_seconds()
        server = ApiServer(apiserver, peer.clients)
        server.wait_ready()
        times, failures, events = [], [], []
        for _ in range(WATCHERS):
            threading.Thread(target=watch, args=(server, events), daemon=True).start()
        share = objects // CREATORS
        creators = [threading.Thread(target=create, args=(server, n * share, share, times, failures)) for n in range(CREATORS)]
        for thread in creators:
            thread.start()
        for _ in range(LISTS):
            server.call("GET", OBJECTS + "?limit=500").read()
            server.call("GET", OBJECTS).read()
        for thread in creators:
            thread.join()
        server.call("DELETE", OBJECTS).read()
        if failures:
            raise RuntimeError(f"{kind}: {len(failures)} creates failed, the first with {failures[0]}")
        times.sort()
        return {"cpu": peer.cpu_seconds() - before, "memory": max(most[0], peer.anonymous()), "events": len(events),
                "p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100], "max": times[-1]}
    finally:
        done.set()
        if server:
            server.stop()
        peer.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--apiserver", required=True)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--objects", type=int, default=5000)
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    binaries = {"polis": os.path.join(build, "polis"), "etcd": find_etcd()}
    rounds = [{kind: one_round(kind, binary, os.path.join(build, "polis_load"), args.apiserver, args.objects) for kind, binary in binaries.items()}
              for _ in range(args.rounds)]
    print(provenance(binaries["etcd"]))
    print(f"\n| {args.objects} objects created, {WATCHERS} watchers, {2 * LISTS} lists, all deleted | Polis | etcd | ratio |\n|---|---:|---:|---:|")
    for name, key, unit in (("CPU of three replicas, s", "cpu", 1), ("anonymous memory at its highest, MB", "memory", 1e-6),
                            ("create, p50, ms", "p50", 1e3), ("create, p99, ms", "p99", 1e3), ("create, longest, ms", "max", 1e3)):
        polis, etcd = (statistics.median(r[kind][key] for r in rounds) * unit for kind in binaries)
        print(f"| {name} | {polis:.2f} | {etcd:.2f} | {polis / etcd:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
