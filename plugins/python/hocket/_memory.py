"""Memory that a run and its child share: large payloads lie in it and are not copied.

Layout and rules: actors/wire/docs/shared-memory.md. Each direction has a head, whose words say which
blocks the reader still has, and a heap, which its writer alone may change.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
import weakref
from typing import Any

from hocket import _wire

np = _wire.np

LEASES_AT = 256  # shm_arena::header
LEASE_COUNT = 1024
STEP = 1 << 20
_WORD = struct.Struct("<I")
_U1 = None if np is None else np.dtype("u1")


def _at(array: Any) -> int:
    return array.__array_interface__["data"][0]


def _address(view: Any) -> int:
    return _at(np.frombuffer(view, "u1")) if np is not None else 0


class Inbox:
    """The run's memory, as its child reads it."""

    def __init__(self, head_fd: int, heap_fd: int) -> None:
        self._head = mmap.mmap(head_fd, os.fstat(head_fd).st_size)
        self.size = os.fstat(heap_fd).st_size
        self.heap = memoryview(mmap.mmap(heap_fd, self.size, prot=mmap.PROT_READ))
        self.base = _address(self.heap)
        # By id of a block's array: its lease, offset and size, and what waits for the array's end.
        self._shown: dict[int, tuple[int, int, int, Any]] = {}

    def take(self, lease: int, offset: int, size: int) -> Any:
        """A block as u8 array, in place; it goes back with the last array that shows it. A copy, where
        there is no numpy."""
        if lease >= LEASE_COUNT or offset + size > self.size:
            raise _wire.Malformed("a bulk lies outside the shared memory")
        if np is None:
            raw = bytes(self.heap[offset:offset + size])
            self.give_back(lease)
            return raw
        a = np.frombuffer(self.heap, _U1, size, offset)
        key = id(a)

        def gone(_: Any) -> None:
            del self._shown[key]
            self.give_back(lease)

        self._shown[key] = (lease, offset, size, weakref.ref(a, gone))
        return a

    def give_back(self, lease: int) -> None:
        _WORD.pack_into(self._head, LEASES_AT + 4 * lease, 0)

    def holds(self, array: Any, size: int) -> tuple[int, int] | None:
        """Lease and offset of an array's bytes, one behind the other, where they lie here and have not gone back."""
        base = array.base
        if base is None:
            return None  # its own memory
        whole = self._shown.get(id(array)) or self._shown.get(id(base))
        if whole is not None and whole[2] == size:
            return whole[0], whole[1]
        offset = _at(array) - self.base
        if not 0 <= offset < self.size:
            return None
        for lease, at, n, _ in list(self._shown.values()):  # one may end in another thread meanwhile
            if at <= offset and offset + size <= at + n:
                return lease, offset
        return None


class _Room:
    __slots__ = ("offset", "size", "held", "leases", "ref")

    def __init__(self, offset: int, size: int) -> None:
        self.offset, self.size, self.held = offset, size, True
        self.leases: list[int] = []
        self.ref: Any = None


class Outbox:
    """Our memory, which the run reads."""

    def __init__(self, head_fd: int, heap_fd: int) -> None:
        self._head = mmap.mmap(head_fd, os.fstat(head_fd).st_size)
        self._fd = heap_fd
        self.size = os.fstat(heap_fd).st_size
        self.heap = memoryview(mmap.mmap(heap_fd, self.size))
        self.base = _address(self.heap)
        self._free = [(0, self.size // 64 * 64)]  # offset, size; the lowest first
        self._rooms: dict[int, _Room] = {}
        self._leases = list(range(LEASE_COUNT))
        self._reached = 0
        self._lock = threading.Lock()  # not in finalizers: they only mark

    def _reclaim(self) -> None:
        for room in list(self._rooms.values()):
            if room.leases:
                kept = []
                for lease in room.leases:
                    if _WORD.unpack_from(self._head, LEASES_AT + 4 * lease)[0]:
                        kept.append(lease)
                    else:
                        self._leases.append(lease)
                room.leases = kept
            if not room.held and not room.leases:
                del self._rooms[room.offset]
                self._give(room.offset, room.size)

    def _give(self, offset: int, size: int) -> None:
        free = self._free
        free.append((offset, size))
        free.sort()
        merged = [free[0]]
        for at, n in free[1:]:
            before, m = merged[-1]
            if before + m == at:
                merged[-1] = (before, m + n)
            else:
                merged.append((at, n))
        self._free = merged

    def _take(self, size: int) -> _Room | None:
        need = (max(size, 1) + 63) // 64 * 64
        for i, (at, n) in enumerate(self._free):
            if n < need:
                continue
            end = at + need
            if end > self._reached:
                # Taken now: a full machine is an error here, and no signal later.
                up_to = min(self.size, (end + STEP - 1) // STEP * STEP)
                try:
                    os.posix_fallocate(self._fd, self._reached, up_to - self._reached)
                except OSError:
                    return None
                self._reached = up_to
            if n == need:
                del self._free[i]
            else:
                self._free[i] = (end, n - need)
            room = self._rooms[at] = _Room(at, need)
            return room
        return None

    def allocate(self, size: int) -> Any:
        """A u8 array to fill; None where there is no room."""
        if np is None or size <= 0:
            return None
        with self._lock:
            self._reclaim()
            room = self._take(size)
        if room is None:
            return None
        a = np.frombuffer(self.heap, _U1, size, room.offset)

        def gone(_: Any, room: _Room = room) -> None:
            room.held = False

        room.ref = weakref.ref(a, gone)
        return a

    def lend(self, array: Any) -> tuple[int, int] | None:
        """Lease and offset of an array's bytes: as they lie, where they lie here, else of a copy. None
        where there is no room."""
        size = _wire.nbytes(array)
        with self._lock:
            room = None
            offset = _at(array) - self.base if np is not None and isinstance(
                array, np.ndarray) and array.base is not None else -1
            if 0 <= offset < self.size:
                room = next((r for r in self._rooms.values()
                             if r.offset <= offset and offset + size <= r.offset + r.size), None)
            if not self._leases or room is None:
                self._reclaim()
            if room is None:
                room = self._take(size)
                if room is None:
                    return None
                room.held = False
                offset = room.offset
                self.heap[offset:offset + size] = memoryview(array).cast("B")
            if not self._leases:
                return None
            lease = self._leases.pop()
            room.leases.append(lease)
            _WORD.pack_into(self._head, LEASES_AT + 4 * lease, 1)
            return lease, offset
