#!/usr/bin/python3
"""etcd's services Lock and Election: as JSON and as gRPC, beside etcdctl in one queue, and when a replica dies.

With ETCD=/path/to/etcd, what both kinds of server have in common is asked of one of those instead.
"""

import base64
import http.client
import itertools
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import grpc

from cell_process import Cell, free_ports


def text(value):
    return base64.b64encode(value.encode()).decode()


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    """A field of a message in wire form: whole numbers and bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


class Later(threading.Thread):
    """A call that waits."""

    def __init__(self, call, *args, **more):
        super().__init__(daemon=True)
        self.call, self.args, self.more, self.answer = call, args, more, None
        self.start()

    def run(self):
        self.answer = self.call(*self.args, **self.more)

    def result(self, timeout=20):
        self.join(timeout)
        return self.answer


class LockServiceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="polis-test-")
        cls.cell = cls.etcd = None
        if os.environ.get("ETCD"):
            client, peer = free_ports(2)
            cls.clients = [f"127.0.0.1:{client}"] * 3
            cls.etcd = subprocess.Popen(
                [os.environ["ETCD"], "--data-dir", cls.directory.name, "--listen-client-urls", f"http://{cls.clients[0]}",
                 "--advertise-client-urls", f"http://{cls.clients[0]}", "--listen-peer-urls", f"http://127.0.0.1:{peer}",
                 "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}", "--initial-cluster", f"default=http://127.0.0.1:{peer}",
                 "--log-level", "error"])
        else:
            cls.cell = Cell(os.environ["POLIS"], cls.directory.name)
            cls.cell.start()
            cls.cell.wait_ready()
            cls.clients = [r.client for r in cls.cell.replicas]
        cls.leases = itertools.count(1001)

    @classmethod
    def tearDownClass(cls):
        if cls.cell:
            cls.cell.kill()
        else:
            cls.etcd.kill()
            cls.etcd.wait()
        cls.directory.cleanup()

    def setUp(self):
        if self.cell:
            for replica in self.cell.replicas:
                if not replica.alive():
                    replica.start()
                replica.wait_serving()
        self.eventually(lambda: self.post("kv/range", {"key": text("x")})[0] == 200)

    def post(self, path, body, at=0, **fields):
        """Status and answer, without what only one kind of server can say."""
        connection = http.client.HTTPConnection(self.clients[at], timeout=30)
        try:
            connection.request("POST", "/v3/" + path, json.dumps(body), {k.replace("_", "-"): v for k, v in fields.items()})
            answer = connection.getresponse()
            body = json.loads(answer.read())
            return answer.status, {k: v for k, v in body.items() if k != "header"}
        except (OSError, http.client.HTTPException):
            return 0, {}
        finally:
            connection.close()

    def eventually(self, condition, timeout=20):
        deadline = time.monotonic() + timeout
        while not condition():
            self.assertLess(time.monotonic(), deadline)

    def lease(self, ttl=60):
        lease = next(self.leases)
        self.assertEqual(self.post("lease/grant", {"TTL": ttl, "ID": lease})[0], 200)
        return lease

    def keys(self, name):
        found = self.post("kv/range", {"key": text(name + "/"), "range_end": text(name + "0")})[1]
        return sorted(base64.b64decode(kv["key"]).decode() for kv in found.get("kvs", []))

    def value(self, key):
        found = self.post("kv/range", {"key": text(key)})[1].get("kvs", [])
        return base64.b64decode(found[0].get("value", "")).decode() if found else None

    def waits(self, name, count):
        self.eventually(lambda: len(self.keys(name)) == count)

    # --- locks

    def test_a_lock_is_held_until_it_is_unlocked_and_the_next_one_has_it_then(self):
        first, second = self.lease(), self.lease()
        self.assertEqual(self.post("lock/lock", {"name": text("n"), "lease": first}), (200, {"key": text(f"n/{first:x}")}))
        self.assertEqual(self.post("lock/lock", {"name": text("n"), "lease": first}), (200, {"key": text(f"n/{first:x}")}), "the same lease has it")
        waiting = Later(self.post, "lock/lock", {"name": text("n"), "lease": second}, at=1)
        self.waits("n", 2)
        self.assertIsNone(waiting.answer)
        self.assertEqual(self.post("lock/unlock", {"key": text(f"n/{first:x}")}, at=2), (200, {}))
        self.assertEqual(waiting.result(), (200, {"key": text(f"n/{second:x}")}))
        self.assertEqual(self.post("lock/unlock", {"key": text(f"n/{second:x}")}), (200, {}))
        self.assertEqual(self.keys("n"), [])

    def test_whoever_stops_waiting_leaves_the_queue(self):
        holder, late, gone, cancelled = (self.lease() for _ in range(4))
        self.post("lock/lock", {"name": text("w"), "lease": holder})
        self.assertEqual(self.post("lock/lock", {"name": text("w"), "lease": late}, Grpc_Timeout="200m"),
                         (504, {"code": 4, "message": "context deadline exceeded"}))
        self.waits("w", 1)
        host, port = self.clients[1].split(":")
        body = json.dumps({"name": text("w"), "lease": gone})
        with socket.create_connection((host, int(port))) as client:
            client.sendall(f"POST /v3/lock/lock HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            self.waits("w", 2)
        self.waits("w", 1)
        with grpc.insecure_channel(self.clients[2]) as channel:
            call = channel.unary_unary("/v3lockpb.Lock/Lock").future(field(1, b"w") + field(2, cancelled))
            self.waits("w", 2)
            call.cancel()
            self.waits("w", 1)
        self.assertEqual(self.keys("w"), [f"w/{holder:x}"])

    def test_a_lock_ends_with_its_lease_and_without_one_gets_one_of_a_minute(self):
        first, second = self.lease(), self.lease()
        self.post("lock/lock", {"name": text("l"), "lease": first})
        waiting = Later(self.post, "lock/lock", {"name": text("l"), "lease": second})
        self.waits("l", 2)
        self.post("lease/revoke", {"ID": first})
        self.assertEqual(waiting.result()[0], 200)
        status, answer = self.post("lock/lock", {"name": text("m")})
        self.assertEqual(status, 200)
        own = int(base64.b64decode(answer["key"]).decode().split("/")[1], 16)
        self.assertEqual(self.post("lease/timetolive", {"ID": own})[1]["grantedTTL"], "60")

    def test_a_claimant_whose_key_is_gone_never_holds(self):
        first, second = self.lease(), self.lease()
        self.post("lock/lock", {"name": text("g"), "lease": first})
        waiting = Later(self.post, "lock/lock", {"name": text("g"), "lease": second})
        self.waits("g", 2)
        self.post("kv/deleterange", {"key": text(f"g/{second:x}")})
        if self.etcd:
            self.post("lock/unlock", {"key": text(f"g/{first:x}")})
        self.assertEqual(waiting.result(), (500, {"code": 2, "message": "mutex: session is expired"}))

    def test_errors_are_told_as_by_etcd(self):
        for path, body, message in [
                ("lock/lock", {"name": text("e"), "lease": 77}, "etcdserver: requested lease not found"),
                ("lock/unlock", {}, "etcdserver: key is not provided"),
                ("election/leader", {"name": text("nobody")}, "election: no leader"),
                ("election/campaign", {"name": text("e"), "lease": 77}, "etcdserver: requested lease not found"),
                ("election/proclaim", {"value": text("x")}, '"leader" field must be provided'),
                ("election/proclaim", {"leader": {}}, "etcdserver: key is not provided"),
                ("election/proclaim", {"leader": {"key": text("none"), "rev": 5, "lease": 77}}, "election: not leader"),
                ("election/resign", {}, '"leader" field must be provided')]:
            self.assertEqual(self.post(path, body), (500, {"code": 2, "message": message}), path)
        self.assertEqual(self.post("lock/unlock", {"key": text("none")}), (200, {}))
        self.assertEqual(self.post("election/resign", {"leader": {"key": text("none"), "rev": 5}}), (200, {}))

    def test_etcdctl_waits_in_the_same_queue(self):
        environment = {**os.environ, "ETCDCTL_API": "3", "ETCDCTL_ENDPOINTS": self.clients[2]}
        with subprocess.Popen(["etcdctl", "lock", "both"], stdout=subprocess.PIPE, text=True, env=environment) as before:
            self.assertIn("both/", before.stdout.readline())
            lease = self.lease()
            waiting = Later(self.post, "lock/lock", {"name": text("both"), "lease": lease})
            self.waits("both", 2)
            with subprocess.Popen(["etcdctl", "lock", "both"], stdout=subprocess.PIPE, text=True, env=environment) as after:
                self.waits("both", 3)
                before.terminate()
                self.assertEqual(waiting.result()[0], 200)
                self.post("lock/unlock", {"key": text(f"both/{lease:x}")})
                self.assertIn("both/", after.stdout.readline())
                after.terminate()

    def test_many_have_it_one_after_the_other(self):
        holders, most, lock = [], [], threading.Lock()

        def one(number):
            lease = self.lease()
            with grpc.insecure_channel(self.clients[number % 3]) as channel:
                channel.unary_unary("/v3lockpb.Lock/Lock")(field(1, b"many") + field(2, lease), timeout=60, wait_for_ready=True)
                with lock:
                    holders.append(lease)
                    most.append(len(holders))
                self.post("kv/put", {"key": text("x"), "value": text("y")})
                with lock:
                    holders.remove(lease)
                channel.unary_unary("/v3lockpb.Lock/Unlock")(field(1, f"many/{lease:x}".encode()), timeout=60)

        for thread in [Later(one, number) for number in range(15)]:
            thread.join(60)
        self.assertEqual(most, [1] * 15)

    # --- elections

    def test_an_election_goes_from_one_to_the_next_and_observers_see_it(self):
        first, second = self.lease(), self.lease()
        status, won = self.post("election/campaign", {"name": text("e"), "lease": first, "value": text("one")})
        leader = won["leader"]
        self.assertEqual((status, leader["key"], leader["name"], leader["lease"]), (200, text(f"e/{first:x}"), text("e"), str(first)))
        with grpc.insecure_channel(self.clients[1]) as channel:
            observed = channel.unary_stream("/v3electionpb.Election/Observe")(field(1, b"e"))
            self.assertIn(field(5, b"one"), next(observed))
            self.assertEqual(self.post("election/proclaim", {"leader": leader, "value": text("two")}), (200, {}))
            self.assertIn(field(5, b"two"), next(observed))
            waiting = Later(self.post, "election/campaign", {"name": text("e"), "lease": second, "value": text("three")}, at=2)
            self.waits("e", 2)
            self.assertEqual(self.post("election/leader", {"name": text("e")}, at=1)[1]["kv"]["value"], text("two"))
            self.assertEqual(self.post("election/resign", {"leader": {**leader, "rev": "1"}}), (200, {}))
            self.assertIsNone(waiting.answer, "that was an office that it does not hold")
            self.assertEqual(self.post("election/resign", {"leader": leader}), (200, {}))
            self.assertEqual(waiting.result()[1]["leader"]["key"], text(f"e/{second:x}"))
            self.assertIn(field(5, b"three"), next(observed))
            self.assertEqual(self.post("election/proclaim", {"leader": leader, "value": text("x")}),
                             (500, {"code": 2, "message": "election: not leader"}))
            self.post("lease/revoke", {"ID": second})
            again = self.lease()
            self.post("election/campaign", {"name": text("e"), "lease": again, "value": text("four")})
            self.assertIn(field(5, b"four"), next(observed))
            observed.cancel()

    def test_whoever_campaigns_again_with_its_lease_changes_what_is_seen(self):
        lease = self.lease()
        first = self.post("election/campaign", {"name": text("a"), "lease": lease, "value": text("one")})
        self.assertEqual(self.post("election/campaign", {"name": text("a"), "lease": lease, "value": text("two")}), first)
        self.assertEqual(self.value(f"a/{lease:x}"), "two")

    def test_a_candidate_that_stops_waiting_leaves_the_queue(self):
        self.post("election/campaign", {"name": text("c"), "lease": self.lease()})
        self.assertEqual(self.post("election/campaign", {"name": text("c"), "lease": self.lease()}, Grpc_Timeout="200m")[0], 504)
        self.waits("c", 1)

    # --- a replica dies

    @unittest.skipUnless(os.environ.get("POLIS"), "one process has no other")
    def test_waiting_goes_on_while_the_master_dies(self):
        master = self.cell.master()
        others = [i for i, r in enumerate(self.cell.replicas) if r is not master]
        first, second = self.lease(), self.lease()
        self.post("lock/lock", {"name": text("d"), "lease": first}, at=others[0])
        waiting = Later(self.post, "lock/lock", {"name": text("d"), "lease": second}, at=others[1])
        self.waits("d", 2)
        master.kill()
        self.eventually(lambda: self.post("lock/unlock", {"key": text(f"d/{first:x}")}, at=others[0])[0] == 200)
        self.assertEqual(waiting.result(), (200, {"key": text(f"d/{second:x}")}))


if __name__ == "__main__":
    unittest.main(verbosity=1)
