#!/usr/bin/python3
"""Clients that write down what they saw, and the check of it.

The clients are the gRPC library of Python and etcd's own messages: nothing of them is ours. Every answer names the revision at which
it was given, and a watch from the beginning tells all changes in their order; so whether what was seen is linearizable can be
decided exactly, operation by operation.

As a command: history.py --endpoints HOST:PORT,... --out FILE is a number of clients that write down what they see until its standard
input ends; with --changes-through REVISION it writes down all changes as a watch at each endpoint tells them.
"""

import argparse
import json
import random
import sys
import threading
import time

import etcd3.etcdrpc as rpc
import grpc

KEYS = [f"key{i}" for i in range(5)]
OPTIONS = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]


class Endpoint:
    def __init__(self, address):
        self.channel = grpc.insecure_channel(address, options=OPTIONS)
        self.kv, self.watch = rpc.KVStub(self.channel), rpc.WatchStub(self.channel)


class Client(threading.Thread):
    """One operation after the other, through one replica until that fails."""

    def __init__(self, number, addresses, stop, seed, pause, record):
        super().__init__(daemon=True)
        self.number, self.addresses, self.stop, self.pause, self.record = number, addresses, stop, pause, record
        self.random = random.Random(seed * 1000 + number)
        self.seen = {}  # key -> mod revision, for compares

    def run(self):
        at, count = self.number, 0
        endpoints = [Endpoint(a) for a in self.addresses]
        while not self.stop.is_set():
            count += 1
            kind = self.random.choices(["put", "get", "cas", "delete"], [4, 5, 3, 1])[0]
            op = {"client": self.number, "kind": kind, "key": self.random.choice(KEYS), "value": f"{self.number}-{count}",
                  "start": time.monotonic()}
            try:
                self.perform(endpoints[at % len(endpoints)].kv, op)
                op["ok"] = True
            except grpc.RpcError as error:
                op["ok"], op["error"] = False, f"{error.code().name}: {error.details()}"
                at += 1
            op["end"] = time.monotonic()
            self.record(op)
            time.sleep(self.random.random() * 2 * self.pause)  # a client's pause to think

    def perform(self, kv, op):
        key, value = op["key"].encode(), op["value"].encode()
        if op["kind"] == "put":
            op["revision"] = kv.Put(rpc.PutRequest(key=key, value=value), timeout=2).header.revision
        elif op["kind"] == "get":
            answer = kv.Range(rpc.RangeRequest(key=key), timeout=2)
            op["revision"] = answer.header.revision
            op["read"] = [answer.kvs[0].mod_revision, answer.kvs[0].value.decode()] if answer.kvs else None
            self.seen[op["key"]] = op["read"][0] if op["read"] else 0
        elif op["kind"] == "delete":
            answer = kv.DeleteRange(rpc.DeleteRangeRequest(key=key), timeout=2)
            op["revision"], op["deleted"] = answer.header.revision, answer.deleted
        else:
            op["expected"] = self.seen.get(op["key"], 0)
            answer = kv.Txn(rpc.TxnRequest(
                compare=[rpc.Compare(key=key, target=rpc.Compare.MOD, result=rpc.Compare.EQUAL, mod_revision=op["expected"])],
                success=[rpc.RequestOp(request_put=rpc.PutRequest(key=key, value=value))]), timeout=2)
            op["revision"], op["succeeded"] = answer.header.revision, answer.succeeded


def changes_of(address, revision, timeout=30):
    """All changes through `revision` as this replica tells them to a watch: [revision, key, value or None].

    What was given up by its client may still happen behind `revision`, and come with the same answer."""
    changes, done = [], threading.Event()

    def requests():
        yield rpc.WatchRequest(create_request=rpc.WatchCreateRequest(key=b"\0", range_end=b"\0", start_revision=1))
        done.wait()

    try:
        for answer in Endpoint(address).watch.Watch(requests(), timeout=timeout):
            for event in answer.events:
                value = event.kv.value.decode() if event.type == 0 else None
                changes.append([event.kv.mod_revision, event.kv.key.decode(), value])
            if changes and changes[-1][0] >= revision:
                break
    except grpc.RpcError as error:
        print(f"the watch at {address} ends at {changes[-1:]}: {error.code().name}")  # the comparison with the others says the rest
    done.set()
    return [change for change in changes if change[0] <= revision]


class Violation(Exception):
    pass


class States:
    """What each key was at each revision."""

    def __init__(self, changes):
        self.by_key, self.at = {}, {}
        last = 0
        for revision, key, value in changes:
            if revision < last:
                raise Violation(f"a watch went back from revision {last} to {revision}")
            last = revision
            self.by_key.setdefault(key, []).append((revision, value))
            if (revision, key) in self.at:
                raise Violation(f"a watch told revision {revision} of {key} twice")
            self.at[revision, key] = value

    def read(self, key, revision):
        """[mod revision, value] at this revision; None if the key did not exist."""
        found = None
        for changed, value in self.by_key.get(key, []):
            if changed > revision:
                break
            found = [changed, value] if value is not None else None
        return found


def check_one(op, states):
    key, revision = op["key"], op["revision"]
    before = states.read(key, revision - 1)
    wrote = op["kind"] == "put" or op.get("succeeded") or op.get("deleted")
    if wrote:
        value = None if op["kind"] == "delete" else op["value"]
        if states.at.get((revision, key), "") != value:
            return "was acknowledged and is not what the watch told of this revision"
    if op["kind"] == "cas":
        compared = before if op["succeeded"] else states.read(key, revision)
        if ((compared[0] if compared else 0) == op["expected"]) != op["succeeded"]:
            return f"compared wrongly: there was {compared}"
    if op["kind"] == "delete" and not wrote and states.read(key, revision) is not None:
        return "deleted nothing, but there was something"
    if op["kind"] == "get" and op["read"] != states.read(key, revision):
        return f"read what was not there: {states.read(key, revision)}"
    return ""


def check(operations, changes_by_replica):
    """Raises Violation if no order of the operations explains what was seen."""
    names = list(changes_by_replica)
    for name in names[1:]:
        one, other = changes_by_replica[names[0]], changes_by_replica[name]
        if one != other:
            at = next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
            raise Violation(f"{name} and {names[0]} tell different changes: {len(other)} and {len(one)}, and from number {at} on "
                            f"{other[at:at + 2]} and {one[at:at + 2]}")
    states = States(changes_by_replica[names[0]])
    told = {}
    for revision, key, value in changes_by_replica[names[0]]:
        if value is not None and told.setdefault(value, revision) != revision:
            raise Violation(f"{value} was written twice, at {told[value]} and {revision}")
    acknowledged = [op for op in operations if op["ok"]]
    for op in acknowledged:
        if wrong := check_one(op, states):
            raise Violation(f"{op}: {wrong}")
    # In real time: nobody is answered from before what had been answered when he asked; a change comes behind it.
    ends = sorted(acknowledged, key=lambda op: op["end"])
    newest, i = 0, 0
    for op in sorted(acknowledged, key=lambda op: op["start"]):
        while i < len(ends) and ends[i]["end"] < op["start"]:
            newest = max(newest, ends[i]["revision"])
            i += 1
        wrote = op["kind"] == "put" or op.get("succeeded") or op.get("deleted")
        if op["revision"] < newest + bool(wrote):
            raise Violation(f"stale: {op} although revision {newest} had been answered before")


def longest_silence(operations, begin, end):
    """Seconds for which no write was acknowledged."""
    times = [op["end"] for op in operations if op["ok"] and op["kind"] == "put" and begin <= op["end"] <= end]
    points = [begin, *sorted(times), end]
    return max(b - a for a, b in zip(points, points[1:]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoints", required=True)
    parser.add_argument("--changes-through", type=int)
    parser.add_argument("--threads", type=int, default=6)
    parser.add_argument("--pause", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    if args.changes_through:
        with open(args.out, "w", encoding="utf-8") as out:
            json.dump({a: changes_of(a, args.changes_through) for a in args.endpoints.split(",")}, out)
        return
    lock = threading.Lock()
    with open(args.out, "w", encoding="utf-8") as out:
        def record(op):
            with lock:
                out.write(json.dumps(op) + "\n")
        stop = threading.Event()
        clients = [Client(i, args.endpoints.split(","), stop, args.seed, args.pause, record) for i in range(args.threads)]
        for client in clients:
            client.start()
        sys.stdin.read()
        stop.set()
        for client in clients:
            client.join()


if __name__ == "__main__":
    main()
