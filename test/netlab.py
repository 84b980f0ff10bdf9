"""Network namespaces on one machine, joined by a switch that delays, loses, repeats and cuts as it is told.

Each namespace has one TUN device; what is sent there comes to the switch, a process of its own, which decides about every
packet. tc netem could do some of it, but is an option that the kernels of many virtual machines are built without; TUN is not.

Needs root. Everything is gone when the lab is closed.
"""

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
SUBNET = "10.77.0"


def why_not():
    """Why there can be no lab here; "" if there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    return ""


def open_tun(namespace, device):
    """A TUN device in the namespace; its packets come from and go to the descriptor that this gives."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", encoding="ascii") as own, open(f"/var/run/netns/{namespace}", encoding="ascii") as other:
        if libc.setns(other.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
        finally:
            libc.setns(own.fileno(), 0)
    return tun


class Switch:
    """The process between the namespaces. A rule holds for packets from one to another."""

    QUIET = {"delay": 0.0, "jitter": 0.0, "loss": 0.0, "repeat": 0.0, "cut": False}

    def __init__(self, tuns, control, seed):
        self.tuns, self.control, self.random = tuns, control, random.Random(seed)
        self.rules = {}
        self.waiting, self.order = [], 0

    def run(self):
        poll = select.epoll()
        poll.register(self.control, select.EPOLLIN)
        by_fd = {tun: i for i, tun in enumerate(self.tuns)}
        for tun in self.tuns:
            poll.register(tun, select.EPOLLIN)
        while True:
            left = max(0.0, self.waiting[0][0] - time.monotonic()) if self.waiting else -1
            for fd, _ in poll.poll(left):
                if fd == self.control.fileno():
                    if not self.obey():
                        return
                    continue
                for _ in range(64):
                    try:
                        packet = os.read(fd, 4096)
                    except BlockingIOError:
                        break
                    self.decide(by_fd[fd], packet)
            now = time.monotonic()
            while self.waiting and self.waiting[0][0] <= now:
                _, _, to, packet = heapq.heappop(self.waiting)
                self.deliver(to, packet)

    def obey(self):
        text = self.control.recv(1 << 16)
        if text:
            self.rules = {(a, b): rule for a, b, rule in json.loads(text)}
            self.control.send(b"done")
        return bool(text)

    def decide(self, source, packet):
        if packet[0] >> 4 != 4:
            return
        to = packet[19] - 1
        if not 0 <= to < len(self.tuns):
            return
        rule = self.rules.get((source, to), self.QUIET)
        if rule["cut"] or self.random.random() < rule["loss"]:
            return
        for _ in range(2 if self.random.random() < rule["repeat"] else 1):
            delay = rule["delay"] + self.random.random() * rule["jitter"]
            if delay == 0:
                self.deliver(to, packet)
            else:
                self.order += 1
                heapq.heappush(self.waiting, (time.monotonic() + delay, self.order, to, packet))

    def deliver(self, to, packet):
        try:
            os.write(self.tuns[to], packet)
        except OSError:
            pass  # its queue is full, or the device is down: lost, as on any network


class Lab:
    """`size` namespaces, numbered from 0, that reach each other."""

    def __init__(self, size, seed=1):
        self.names = [f"polis-{os.getpid()}-{i}" for i in range(size)]
        self.rules = {}
        tuns = []
        for i, name in enumerate(self.names):
            self.ip("netns", "add", name)
            tuns.append(open_tun(name, "lab0"))
            self.ip("-n", name, "address", "add", f"{self.address(i)}/24", "dev", "lab0")
            self.ip("-n", name, "link", "set", "lab0", "up")
            self.ip("-n", name, "link", "set", "lo", "up")
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.switch = os.fork()
        if self.switch == 0:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self.control.close()
            try:
                Switch(tuns, theirs, seed).run()
            finally:
                os._exit(0)
        theirs.close()
        for tun in tuns:
            os.close(tun)

    @staticmethod
    def ip(*args):
        subprocess.run(["ip", *args], check=True)

    @staticmethod
    def address(i):
        return f"{SUBNET}.{i + 1}"

    def command(self, i, *command):
        """The command as it runs in namespace i; the process that it starts is the command's own."""
        return ["ip", "netns", "exec", self.names[i], *command]

    def rule(self, source, to, **what):
        self.rules[source, to] = {**self.rules.get((source, to), Switch.QUIET), **what}

    def between(self, some, others, **what):
        for a in some:
            for b in others:
                if a != b:
                    self.rule(a, b, **what)
                    self.rule(b, a, **what)

    def apply(self):
        """The rules hold from now on."""
        self.control.send(json.dumps([[a, b, rule] for (a, b), rule in self.rules.items()]).encode())
        self.control.recv(16)

    def heal(self):
        self.rules = {}
        self.apply()

    def close(self):
        self.control.close()
        os.waitpid(self.switch, 0)
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", name], check=False)
