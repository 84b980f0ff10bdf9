"""A good client beside a hostile one: puts, reads, a watch, and a lease of 5 seconds that it renews. It keeps how long it waited."""

import os
import threading
import time

os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")
import grpc  # noqa: E402
from etcd3.etcdrpc import rpc_pb2 as rpc, rpc_pb2_grpc as services  # noqa: E402

PAUSE = 0.01
TTL = 5


class GoodClient(threading.Thread):
    """Runs from `with` to its end; every call goes to one replica, as a client's do."""

    def __init__(self, endpoint):
        super().__init__(daemon=True)
        self.channel = grpc.insecure_channel(endpoint)
        self.kv, self.leases = services.KVStub(self.channel), services.LeaseStub(self.channel)
        self.stop, self.errors, self.rounds = threading.Event(), [], 0
        self.waited, self.worst = 0.0, ""
        self.seen, self.number, self.watching = 0, 0, threading.Event()

    def timed(self, what, call):
        start = time.monotonic()
        result = call()
        took = time.monotonic() - start
        if took > self.waited:
            self.waited, self.worst = took, what
        return result

    def watch(self):
        def requests():
            yield rpc.WatchRequest(create_request=rpc.WatchCreateRequest(key=b"good/"))
            self.stop.wait()
        try:
            for response in services.WatchStub(self.channel).Watch(requests()):
                self.watching.set()
                for event in response.events:
                    self.seen = int(event.kv.value)
        except grpc.RpcError:
            pass  # the channel is closed at the end

    def renew(self, lease):
        def requests():
            while not self.stop.wait(1):
                yield rpc.LeaseKeepAliveRequest(ID=lease)
        try:
            for response in self.leases.LeaseKeepAlive(requests()):
                if response.TTL <= 0:
                    self.errors.append("the lease is gone")
        except grpc.RpcError:
            pass

    def run(self):
        try:
            lease = self.leases.LeaseGrant(rpc.LeaseGrantRequest(TTL=TTL), timeout=5).ID
            self.kv.Put(rpc.PutRequest(key=b"good-lease", value=b"held", lease=lease), timeout=5)
            for target in (self.watch, lambda: self.renew(lease)):
                threading.Thread(target=target, daemon=True).start()
            if not self.watching.wait(10):
                self.errors.append("the watch did not begin")
            while not self.stop.is_set():
                self.number += 1
                put = rpc.PutRequest(key=b"good/", value=str(self.number).encode())
                self.timed("put", lambda: self.kv.Put(put, timeout=10))
                self.timed("read", lambda: self.kv.Range(rpc.RangeRequest(key=b"good/"), timeout=10))
                self.timed("event", self.wait_for_event)
                self.rounds += 1
                self.stop.wait(PAUSE)
            if not self.kv.Range(rpc.RangeRequest(key=b"good-lease"), timeout=10).kvs:
                self.errors.append("the key of the lease is gone")
        except grpc.RpcError as error:
            self.errors.append(f"{error.code()} {error.details()}")

    def wait_for_event(self):
        deadline = time.monotonic() + 10
        while self.seen < self.number and not self.stop.is_set():
            if time.monotonic() > deadline:
                self.errors.append(f"event {self.number} did not come")
                return
            time.sleep(0.001)  # polls what the watching thread has seen

    def __enter__(self):
        self.start()
        deadline = time.monotonic() + 10
        while self.rounds == 0 and not self.errors and time.monotonic() < deadline:
            time.sleep(0.005)  # until it has been served once
        self.waited = 0.0
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.join(20)
        self.channel.close()


def waits_without(endpoint, seconds=1.0):
    """The longest wait of a good client on this machine with nobody hostile beside it."""
    with GoodClient(endpoint) as good:
        time.sleep(seconds)  # measures for this long
    return good.waited
