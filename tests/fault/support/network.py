"""A network of several hosts on one machine, whose every IP packet passes through this process.

Each host has a network namespace with one TUN device; what the kernel sends there is read here, and
dropped, delayed or handed to its receiver's device. So the TCP of both ends is the kernel's own, and
what happens between them is what `tc netem` would do: loss, delay, jitter with reordering, links
that are cut or let only one direction through. It needs root and /dev/net/tun, and no sch_netem."""

import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import struct
import subprocess
import threading
import time

from support.failure import Skipped

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PREFIX = "10.77.0."
QUEUE_MAX = 4096  # packets under way at a time, as a router's queue; more are dropped

_libc = ctypes.CDLL(None, use_errno=True)


def _enter(space):
    if _libc.setns(space, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Way:
    """One direction between two hosts."""

    def __init__(self):
        self.heal()

    def heal(self):
        self.loss = 0.0  # share of packets
        self.delay_ms = (0.0, 0.0)  # drawn evenly between the two, per packet
        self.up = True


class Network:
    """Use as a context. Hosts are numbered in the order of their names, from 10.77.0.1 on."""

    def __init__(self, names, seed=1):
        if os.geteuid() != 0:
            raise Skipped("only root can make network namespaces")
        if not os.path.exists("/dev/net/tun"):
            raise Skipped("there is no /dev/net/tun here")
        self.names = list(names)
        self.ways = {(a, b): Way() for a in self.names for b in self.names if a != b}
        self.passed = self.dropped = 0
        self._random = random.Random(seed)
        self._numbers = itertools.count()
        self._under_way = []  # a heap of (due_s, number, (from, to), bytes)
        self._spaces, self._devices = {}, {}
        self._wake = os.pipe()
        self._over = False
        try:
            # A thread of its own: entering namespaces must not move the one that we run in.
            maker = threading.Thread(target=self._make_all)
            self._problem = None
            maker.start()
            maker.join()
            if self._problem:
                raise Skipped(f"no network can be made here: {self._problem}")
        except Skipped:
            self._close()
            raise
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over = True
        os.write(self._wake[1], b".")
        self._thread.join()
        self._close()

    def address(self, name):
        return f"{PREFIX}{self.names.index(name) + 1}"

    def enter(self, name):
        """To be called in a child process: it is in the host's namespace afterwards."""
        return lambda: _enter(self._spaces[name])

    # -- weather

    def between(self, a, b):
        return [self.ways[a, b], self.ways[b, a]]

    def of(self, name):
        """All ways from and to a host."""
        return [way for ends, way in self.ways.items() if name in ends]

    def all(self):
        return list(self.ways.values())

    @staticmethod
    def cut(ways):
        for way in ways:
            way.up = False

    @staticmethod
    def heal(ways):
        for way in ways:
            way.heal()

    # -- inside

    def _make_all(self):
        try:
            for name in self.names:
                self._make(name)
        except OSError as why:
            self._problem = why
        except subprocess.CalledProcessError as why:
            self._problem = why.stderr.strip()
        except FileNotFoundError:
            self._problem = "no ip command"

    def _make(self, name):
        if _libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        self._spaces[name] = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._devices[name] = device
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"wire", IFF_TUN | IFF_NO_PI))
        for words in (["link", "set", "lo", "up"],
                      ["address", "add", f"{self.address(name)}/24", "dev", "wire"],
                      ["link", "set", "wire", "up", "txqueuelen", "1000"]):
            subprocess.run(["ip", *words], check=True, capture_output=True, text=True)

    def _run(self):
        by_device = {device: name for name, device in self._devices.items()}
        by_last_byte = {i + 1: name for i, name in enumerate(self.names)}
        poller = select.poll()
        for device in (*by_device, self._wake[0]):
            poller.register(device, select.POLLIN)
        while not self._over:
            wait_ms = None
            if self._under_way:
                wait_ms = max(0.0, (self._under_way[0][0] - time.monotonic()) * 1000)
            for device, _ in poller.poll(wait_ms):
                if device in by_device:
                    self._take(by_device[device], device, by_last_byte)
            now_s = time.monotonic()
            while self._under_way and self._under_way[0][0] <= now_s:
                _, _, ends, packet = heapq.heappop(self._under_way)
                self._hand_over(ends, packet)

    def _take(self, sender, device, by_last_byte):
        for _ in range(64):
            try:
                packet = os.read(device, 65536)
            except BlockingIOError:
                return
            receiver = by_last_byte.get(packet[19]) if packet[0] >> 4 == 4 else None
            if receiver is None or receiver == sender:
                continue  # IPv6's neighbour discovery and the like
            way = self.ways[sender, receiver]
            if (not way.up or self._random.random() < way.loss
                    or len(self._under_way) >= QUEUE_MAX):
                self.dropped += 1
                continue
            low, high = way.delay_ms
            if high <= 0:
                self._hand_over((sender, receiver), packet)
                continue
            due_s = time.monotonic() + self._random.uniform(low, high) / 1000
            heapq.heappush(self._under_way,
                           (due_s, next(self._numbers), (sender, receiver), packet))

    def _hand_over(self, ends, packet):
        if not self.ways[ends].up:  # cut while it was on its way
            self.dropped += 1
            return
        try:
            os.write(self._devices[ends[1]], packet)
            self.passed += 1
        except OSError:
            self.dropped += 1

    def _close(self):
        for fd in (*self._spaces.values(), *self._devices.values(), *self._wake):
            os.close(fd)
