#!/usr/bin/python3
"""One client that asks for too much beside one that does not: the good one waits at most half a second and keeps its lease."""

import itertools
import os
import tempfile
import threading
import time
import unittest

from cell_process import Cell
from good_client import GoodClient, grpc, rpc, services, waits_without
from raw_http2 import RawStream, message

KEYS = 20_000
VALUE = b"v" * 100
ALL = dict(key=b"\0", range_end=b"\0")
WATCHES = 5_000
WAIT_MAX = 0.5
GROWTH_MAX = 300 << 20  # bytes of memory that a replica may take more


def resident(replica):
    with open(f"/proc/{replica.process.pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS"))


class HostileClientsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="polis-test-")
        cls.cell = Cell(os.environ["POLIS"], cls.directory.name)
        cls.cell.start()
        cls.cell.wait_ready()
        cls.endpoint = cls.cell.replicas[0].client
        cls.channel = grpc.insecure_channel(cls.endpoint, options=[("grpc.max_receive_message_length", -1)])
        cls.kv = services.KVStub(cls.channel)
        cls.fill()
        # On a machine that is busy with other things a good client waits longer anyway.
        cls.wait_max = max(WAIT_MAX, 4 * waits_without(cls.endpoint))

    @classmethod
    def fill(cls):
        for first in range(0, KEYS, 100):
            puts = [rpc.RequestOp(request_put=rpc.PutRequest(key=b"many/%07d" % i, value=VALUE)) for i in range(first, first + 100)]
            cls.kv.Txn(rpc.TxnRequest(success=puts), timeout=10)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        cls.cell.kill()
        cls.directory.cleanup()

    def beside(self, hostile):
        """Runs `hostile` beside a good client; gives what it gave."""
        before = [resident(r) for r in self.cell.replicas]
        with GoodClient(self.endpoint) as good:
            result = hostile()
            rounds = good.rounds
            deadline = time.monotonic() + 10
            while good.rounds < rounds + 3 and not good.errors and time.monotonic() < deadline:
                time.sleep(0.005)  # what waited behind it is counted, too
        self.assertEqual(good.errors, [])
        self.assertLess(good.waited, self.wait_max, good.worst)
        for replica, bytes_before in zip(self.cell.replicas, before):
            self.assertTrue(replica.alive(), replica.log()[-2000:])
            self.assertLess(resident(replica) - bytes_before, GROWTH_MAX, replica.name)
        return result

    def outcome(self, call):
        try:
            call.result(timeout=30)
            return grpc.StatusCode.OK, ""
        except grpc.RpcError as error:
            return error.code(), error.details()

    def all_at_once(self, requests, method=None):
        """Outcomes of requests that are under way together."""
        calls = [(method or self.kv.Txn).future(request, timeout=30) for request in requests]
        return [self.outcome(call) for call in calls]

    def ranges(self, count, **more):
        return [rpc.RequestOp(request_range=rpc.RangeRequest(**ALL, **more)) for _ in range(count)]

    def compares(self, count, target, **value):
        return [rpc.Compare(key=b"many/", range_end=b"many0", result=rpc.Compare.GREATER, target=target, **value) for _ in range(count)]

    def test_a_transaction_with_127_ranges_over_everything_costs_nobody_memory(self):
        put = [rpc.RequestOp(request_put=rpc.PutRequest(key=b"x", value=b"1"))]

        def hostile():
            call = self.kv.Txn.future(rpc.TxnRequest(success=put + self.ranges(127)), timeout=30)
            time.sleep(0.5)  # while it is being answered
            call.cancel()
        self.beside(hostile)
        self.assertEqual(self.kv.Range(rpc.RangeRequest(key=b"x"), timeout=10).count, 1)

    def test_an_answer_over_the_bound_is_refused_before_its_transaction_is_proposed(self):
        big = [rpc.RequestOp(request_put=rpc.PutRequest(key=b"big/%d" % i, value=b"v" * (1 << 20))) for i in range(1)]
        for i in range(12):
            big[0].request_put.key = b"big/%d" % i
            self.kv.Txn(rpc.TxnRequest(success=big), timeout=10)
        put = [rpc.RequestOp(request_put=rpc.PutRequest(key=b"y", value=b"1"))]
        (code, text), = self.beside(lambda: self.all_at_once([rpc.TxnRequest(success=put + self.ranges(127))]))
        self.assertEqual(code, grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertIn("more than the 1073741824 that one message may have", text)
        self.assertEqual(self.kv.Range(rpc.RangeRequest(key=b"y"), timeout=10).count, 0)
        self.kv.DeleteRange(rpc.DeleteRangeRequest(key=b"big/", range_end=b"big0"), timeout=10)

    def test_compares_over_everything_are_bounded_or_refused(self):
        put = [rpc.RequestOp(request_put=rpc.PutRequest(key=b"x", value=b"2"))]
        by_revision = rpc.TxnRequest(compare=self.compares(64, rpc.Compare.MOD, mod_revision=1), failure=put)
        self.assertEqual(self.beside(lambda: self.all_at_once([by_revision]))[0][0], grpc.StatusCode.OK)
        for code, text in self.beside(lambda: self.all_at_once([by_revision] * 40)):
            self.assertIn(code, (grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED), text)
        by_value = rpc.TxnRequest(compare=self.compares(128, rpc.Compare.VALUE, value=b"a"), success=put)
        for code, text in self.beside(lambda: self.all_at_once([by_value] * 10)):
            self.assertEqual(code, grpc.StatusCode.RESOURCE_EXHAUSTED)
            self.assertIn("divide it into smaller ranges", text)
        read_only = rpc.TxnRequest(compare=by_value.compare)
        for code, text in self.beside(lambda: self.all_at_once([read_only] * 10)):
            self.assertEqual(code, grpc.StatusCode.RESOURCE_EXHAUSTED)

    def test_sorts_counts_and_plans_give_way(self):
        by_value = rpc.RangeRequest(**ALL, sort_target=rpc.RangeRequest.VALUE, sort_order=rpc.RangeRequest.ASCEND, limit=1)
        for code, text in self.beside(lambda: self.all_at_once([by_value] * 10, self.kv.Range)):
            self.assertEqual(code, grpc.StatusCode.OK, text)
        counts = rpc.TxnRequest(success=self.ranges(50, count_only=True))
        plans = rpc.TxnRequest(success=self.ranges(50, keys_only=True, limit=1))
        for code, text in self.beside(lambda: self.all_at_once([counts, plans] * 10)):
            self.assertEqual(code, grpc.StatusCode.OK, text)
        old = rpc.TxnRequest(success=self.ranges(20, count_only=True, revision=50))
        for code, text in self.beside(lambda: self.all_at_once([old] * 10)):
            self.assertEqual(code, grpc.StatusCode.OK, text)

    def watch(self, requests, until):
        """A stream that sends these requests and then stays; read until `until(response)`."""
        done = threading.Event()

        def all_requests():
            yield from requests
            done.wait(60)
        call = services.WatchStub(self.channel).Watch(all_requests())
        try:
            for response in call:
                if until(response):
                    return
        finally:
            done.set()
            call.cancel()

    def test_a_put_with_many_watches_on_its_key(self):
        created, events = [], []
        create = rpc.WatchRequest(create_request=rpc.WatchCreateRequest(key=b"watched"))

        def until(response):
            if response.created:
                created.append(response.watch_id)
                if len(created) == WATCHES:
                    self.kv.Put(rpc.PutRequest(key=b"watched", value=b"1"), timeout=10)
            events.extend(response.events)
            return len(events) == WATCHES
        self.beside(lambda: self.watch(itertools.repeat(create, WATCHES), until))
        self.assertEqual(len(events), WATCHES)

    def test_many_progress_requests_on_a_stream_with_many_watches(self):
        answers = []
        create = rpc.WatchRequest(create_request=rpc.WatchCreateRequest(key=b"watched"))
        progress = b"\x1a\x00"  # field 3, which this client's old description does not have

        def requests():
            yield from itertools.repeat(create.SerializeToString(), WATCHES)
            yield from itertools.repeat(progress, 2000)
            done.wait(60)
        done = threading.Event()

        def hostile():
            call = self.channel.stream_stream("/etcdserverpb.Watch/Watch", response_deserializer=rpc.WatchResponse.FromString)(requests())
            for response in call:
                answers.append(response)
                if not response.created and len(answers) > WATCHES:
                    break
            done.set()
            call.cancel()
        self.beside(hostile)
        self.assertGreater(answers[-1].header.revision, 0)

    def test_a_watch_stream_that_is_not_read_is_asked_no_more_or_ends_before_it_holds_much(self):
        refused = message(rpc.WatchRequest(create_request=rpc.WatchCreateRequest(key=b"k", start_revision=-1)).SerializeToString())
        answers_max = 10 << 20  # bytes; 8 MB may wait, and each request is answered by some 90

        def hostile():
            stream = RawStream(self.endpoint, "/etcdserverpb.Watch/Watch")
            stream.socket.settimeout(2)
            stalled = False
            try:
                stream.send(refused * 250_000)
            except TimeoutError:  # the server takes no more before its answers are read
                stalled = True
            stream.open_window()
            try:
                while not stream.ended and stream.received < answers_max:
                    stream.read_frame()
            except TimeoutError:
                pass
            stream.close()
            return stream, stalled
        stream, stalled = self.beside(hostile)
        self.assertTrue(stream.ended or stalled)
        self.assertLess(stream.received, answers_max)

    def test_values_before_a_deletion_of_many_keys_come_in_pieces(self):
        request = rpc.DeleteRangeRequest(key=b"many/", range_end=b"many/0010000", prev_kv=True)
        answer = self.beside(lambda: self.kv.DeleteRange(request, timeout=30))
        self.assertEqual(len(answer.prev_kvs), 10_000)
        self.assertEqual(answer.prev_kvs[9_999].value, VALUE)


if __name__ == "__main__":
    unittest.main(verbosity=1)
