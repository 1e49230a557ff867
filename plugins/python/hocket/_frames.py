"""What a run and its child say to each other: frames over pipes. The layout is that of
actors/process/frame.hpp."""

from __future__ import annotations

import os
import struct
import threading
from typing import Any, NamedTuple

PROTOCOL = 1
HEAD = struct.Struct("<IHHQqQqIIqqqqII")
PLACE = struct.Struct("<IIQQ")
MOST = 8 << 20

OPEN, PROCESS, SETS, PRODUCE, TICK, CONTROL, RESUME, CLOSE, CALL, DESCRIBE = range(1, 11)
SET, MEMBER = 20, 21
EMIT, INTERRUPT, FOR_SESSION, DONE, FAILED = range(32, 37)
LOG, COUNT, WAKE, AT_WORK, HOLDS, PROGRESS = range(48, 54)
INSIDE, ARENA, RETURNED = range(3)


class Head(NamedTuple):
    """The numbers of a frame; which of them mean something depends on `what`."""

    body_bytes: int
    what: int
    port: int
    session: int
    ts: int
    seq: int
    micro_turn: int
    epoch: int
    stream: int
    origin_ts: int
    origin_ns: int
    now: int
    monotonic: int
    bulk_count: int
    count: int


class Frame(NamedTuple):
    head: Head
    places: list[tuple[int, int, int, int]]  # where, lease, offset, size
    body: memoryview
    inside: list[Any]


class Reader:
    """Frames from a descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._bytes = b""

    def _need(self, n: int) -> bool:
        have = self._bytes
        if len(have) >= n:
            return True
        parts = [have]
        size = len(have)
        while size < n:
            more = os.read(self._fd, max(65536, n - size))
            if not more:
                return False
            parts.append(more)
            size += len(more)
        self._bytes = b"".join(parts)
        return True

    def next(self) -> Frame | None:
        """None: nothing more will come."""
        if not self._need(HEAD.size):
            return None
        head = Head._make(HEAD.unpack_from(self._bytes))
        if head.body_bytes > MOST or head.bulk_count > 256:
            raise ValueError("a frame above the limits")
        at = HEAD.size
        places = []
        total = at + head.bulk_count * PLACE.size + head.body_bytes
        if not self._need(total):
            return None
        for _ in range(head.bulk_count):
            place = PLACE.unpack_from(self._bytes, at)
            places.append(place)
            at += PLACE.size
            if place[0] == INSIDE:
                total += place[3]
        if not self._need(total):
            return None
        whole = memoryview(self._bytes)
        body = whole[at:at + head.body_bytes]
        at += head.body_bytes
        inside: list[Any] = []
        for place in places:
            if place[0] == INSIDE:
                inside.append(whole[at:at + place[3]])
                at += place[3]
            else:
                inside.append(None)
        self._bytes = self._bytes[total:]
        return Frame(head, places, body, inside)


def frame(what: int, body: bytes = b"", *, port: int = 0, session: int = 0, ts: int = 0, seq: int = 0,
          epoch: int = 0, stream: int = 0, count: int = 0,
          places: list[tuple[int, int, int, int]] | None = None, inside: list[Any] | None = None) -> bytes:
    head = HEAD.pack(len(body), what, port, session, ts, seq, 0, epoch, stream, 0, 0, 0, 0,
                     len(places) if places else 0, count)
    if not places:
        return head + body
    return b"".join([head, *(PLACE.pack(*p) for p in places), body, *(inside or [])])


class Writer:
    """Frames to a descriptor. Threads: any."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        with self._lock:
            n = os.write(self._fd, data)
            while n < len(data):
                n += os.write(self._fd, memoryview(data)[n:])
