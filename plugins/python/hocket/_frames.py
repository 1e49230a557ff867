"""What a run and its child say to each other: frames over pipes. The layout is that of
actors/process/frame.hpp."""

from __future__ import annotations

import io
import os
import struct
import threading
from typing import Any, NamedTuple

PROTOCOL = 1
HEAD = struct.Struct("<IHHQqQqIIqqqqII")
PLACE = struct.Struct("<IIQQ")
MOST, MOST_BULKS = 8 << 20, 256  # of a frame: bytes beside its arrays, and arrays
MOST_EVENT, MOST_WHY = 4096, 64 << 10  # of a line of the log, and of what a call failed with
_ROOM, _KEPT = 1 << 16, 1 << 20  # bytes to read into: at first, and at most between two frames

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
    count: int  # type: ignore[assignment]  # of what the frame tells, not of the tuple


class Frame(NamedTuple):
    head: Head
    places: list[tuple[int, int, int, int]]  # where, lease, offset, size
    body: memoryview
    inside: list[Any]


_new = tuple.__new__  # of a NamedTuple: its own constructor is a function in Python


class Reader:
    """Frames from a descriptor. What a frame shows (`body`, `inside`) holds until the next one is asked for."""

    def __init__(self, fd: int) -> None:
        self._read = io.FileIO(fd, closefd=False).readinto
        self._room = memoryview(bytearray(_ROOM))
        self._begin = self._end = 0

    def _need(self, n: int) -> bool:
        """Waits until `n` bytes are there."""
        while (have := self._end - self._begin) < n:
            if have == 0 and len(self._room) > _KEPT:
                self._room = memoryview(bytearray(_ROOM))
                self._begin = self._end = 0
            if self._begin and (have == 0 or self._begin + n > len(self._room)):
                self._room[:have] = bytes(self._room[self._begin:self._end])
                self._begin, self._end = 0, have
            if n > len(self._room):  # a new one: what is shown of the old one may still be looked at
                room = memoryview(bytearray(2 * n))
                room[:have] = self._room[:have]
                self._room = room
            got = self._read(self._room[self._end:] if self._end else self._room)
            if not got:
                return False
            self._end += got
        return True

    def next(self) -> Frame | None:
        """None: nothing more will come."""
        if self._end - self._begin < HEAD.size and not self._need(HEAD.size):
            return None
        head = _new(Head, HEAD.unpack_from(self._room, self._begin))
        body_bytes, bulk_count = head.body_bytes, head.bulk_count
        if body_bytes > MOST or bulk_count > MOST_BULKS:
            raise ValueError("a frame above the limits")
        total = HEAD.size + bulk_count * PLACE.size + body_bytes
        if self._end - self._begin < total and not self._need(total):
            return None
        places = []
        at = self._begin + HEAD.size
        for _ in range(bulk_count):
            place = PLACE.unpack_from(self._room, at)
            places.append(place)
            at += PLACE.size
            if place[0] == INSIDE:
                total += place[3]
        if self._end - self._begin < total and not self._need(total):
            return None
        room = self._room
        at = self._begin + HEAD.size + bulk_count * PLACE.size
        body = room[at:at + body_bytes]
        at += body_bytes
        inside: list[Any] = []
        for place in places:
            if place[0] == INSIDE:
                inside.append(room[at:at + place[3]])
                at += place[3]
            else:
                inside.append(None)
        self._begin += total
        return _new(Frame, (head, places, body, inside))


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
