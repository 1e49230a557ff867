"""A component or tool as the child of a run: `hocket` starts `python3 -m hocket._child`."""

from __future__ import annotations

import inspect
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

from hocket import _describe, _frames as f, _memory, _wire
from hocket.component import Component, Context, Packet, Set, Tool, prepare

np = _wire.np
_DONE = f.frame(f.DONE)  # with nothing to tell


def line_of(e: BaseException) -> str:
    """What failed and where, in one line."""
    own = os.path.dirname(__file__)
    places = [s for s in traceback.extract_tb(e.__traceback__) if not s.filename.startswith(own)]
    where = f" ({os.path.basename(places[-1].filename)}:{places[-1].lineno})" if places else ""
    try:
        said = str(e)
    except Exception as of_saying:  # its own words are code of the plugin, too
        said = f"(its text fails: {type(of_saying).__name__})"
    return f"{type(e).__name__}: {said}{where}"


class Child:
    """One component, or one tool, and what it has around it."""

    def __init__(self, calls: int, replies: int, events: int) -> None:
        self.reader = f.Reader(calls)
        self.replies = f.Writer(replies)
        self.events = f.Writer(events)
        self.inbox = _memory.Inbox(4, 5)
        self.outbox = _memory.Outbox(6, 7)
        self.part: Component | None = None
        self.tool: Tool | None = None
        self.is_virtual = False
        self.began = (0, 0)  # stream time and the machine's, when the call began
        self.lock = threading.Lock()
        self.tasks: deque[Callable[[], None]] = deque()
        self.in_call = False
        self.untold = self.version = self.held = 0

    # What a component may do: hocket.component._Out.
    def now(self) -> int:
        return self.began[0] if self.is_virtual else self.began[0] + time.monotonic_ns() - self.began[1]

    def emit(self, port: int, payload: Any, ts: int) -> None:
        places: list[tuple[int, int, int, int]] = []
        inside: list[Any] = []

        def place(array: Any) -> int:
            size = _wire.nbytes(array)
            at = None
            if size > 4096:
                if np is not None and isinstance(array, np.ndarray):
                    back = self.inbox.holds(array, size)
                    if back is not None:
                        at = (f.RETURNED, back[0], back[1], size)
                if at is None:
                    lent = self.outbox.lend(array)
                    at = None if lent is None else (f.ARENA, lent[0], lent[1], size)
            if at is None:
                at = (f.INSIDE, 0, 0, size)
                inside.append(memoryview(array).cast("B") if size else b"")
            places.append(at)
            return len(places) - 1

        body = _wire.encode(payload, place)
        if len(body) > f.MOST or len(places) > f.MOST_BULKS:
            raise ValueError(f"{type(payload).__name__} of {len(body)} bytes and {len(places)} arrays: "
                             f"{f.MOST} and {f.MOST_BULKS} cross in one packet")
        self.replies.write(f.frame(f.EMIT, body, port=port, ts=ts, places=places, inside=inside))

    def interrupt(self) -> None:
        self.replies.write(f.frame(f.INTERRUPT))

    def for_session(self, session: int) -> None:
        self.replies.write(f.frame(f.FOR_SESSION, session=session))

    def allocate(self, count: int, dtype: str) -> Any:
        if np is None:
            raise RuntimeError("allocate() gives numpy arrays, and numpy is not installed")
        kind = np.dtype(dtype)
        raw = self.outbox.allocate(count * kind.itemsize) if count * kind.itemsize > 4096 else None
        return np.empty(count, kind) if raw is None else raw.view(kind)

    def log(self, line: str) -> None:
        self.events.write(f.frame(f.LOG, str(line).encode(errors="replace")[:f.MOST_EVENT]))

    def count(self, counter: str, add: int) -> None:
        self.events.write(f.frame(f.COUNT, counter.encode()[:f.MOST_EVENT], ts=add))

    def run(self, task: Callable[[], None]) -> bool:
        with self.lock:
            self.tasks.append(task)
            if self.in_call:  # told with the answer, so that what follows comes in one order
                self.untold += 1
                return True
        self.events.write(f.frame(f.WAKE))
        return True

    def hold(self, by: int) -> None:
        with self.lock:
            self.held += by
            self.version += 1
            version, held, told = self.version, self.held, self.in_call
        if not told:
            self.events.write(f.frame(f.HOLDS, epoch=version, count=held))

    # Calls.
    def find(self, frame: f.Frame) -> Callable[[int, int, int], Any]:
        frames: dict[int, Any] = {}

        def find(index: int, offset: int, size: int) -> Any:
            whole = frames.get(index)
            if whole is None:
                where, lease, at, n = frame.places[index]
                if where == f.ARENA:
                    whole = self.inbox.take(lease, at, n)
                elif where == f.INSIDE:
                    whole = bytes(frame.inside[index])
                else:
                    raise _wire.Malformed("a bulk comes back that was never lent")
                frames[index] = whole
            return whole if offset == 0 and size == len(whole) else whole[offset:offset + size]

        return find

    def packet(self, frame: f.Frame) -> Packet:
        h = frame.head
        return Packet(_wire.decode(frame.body, self.find(frame)), h.ts, h.session, h.stream, h.seq,
                      h.micro_turn, h.epoch, h.origin_ts)

    def open(self, body: bytes) -> str:
        told = json.loads(body)
        if told["protocol"] != f.PROTOCOL:
            import hocket
            raise RuntimeError(f"the hocket package {hocket.__version__} in {os.path.dirname(__file__)} speaks "
                               f"protocol {f.PROTOCOL}, this run {told['protocol']}: install the one of this release")
        module = _describe.load(told["file"])
        self.is_virtual = told["virtual"]
        cls = getattr(module, told["class"])
        if issubclass(cls, Tool):
            self.tool = cls()
            self.tool.now = self.now  # type: ignore[method-assign,assignment]
            self.tool.is_virtual = self.is_virtual
            self.tool.cancelled = threading.Event()
            self.tool.progress = lambda text: self.events.write(  # type: ignore[method-assign,assignment]
                f.frame(f.PROGRESS, str(text)[:f.MOST // 4].encode(errors="replace")))
            self.tool.open()
            return ""
        part: Component = cls()
        prepare(part, self, Context(told["actor"], told["session"], told["micro_turn_ns"], told["virtual"],
                                    told["output_dir"], told["restarts"], told.get("graph", {}).get("name", "")),
                json.loads(told["settings"]))
        self.part = part
        self.ports = list(cls.inputs)
        part.open()
        return ""

    def sets(self, count: int) -> None:
        assert self.part is not None
        all_sets = []
        for _ in range(count):
            frame = self.reader.next()
            if frame is None or frame.head.what != f.SET:
                raise _wire.Malformed("a set is missing")
            h = frame.head
            missing = {self.ports[i] for i, m in enumerate(frame.body) if m}
            s = Set(h.session, h.micro_turn, h.ts, h.origin_ts, h.epoch, {n: [] for n in self.ports}, missing)
            for _ in range(h.count):
                member = self.reader.next()
                if member is None or member.head.what != f.MEMBER:
                    raise _wire.Malformed("a packet of a set is missing")
                s.inputs[self.ports[member.head.port]].append(self.packet(member))
            all_sets.append(s)
        self.part.process_sets(all_sets)

    def process(self, part: Component, frame: f.Frame) -> None:
        packet = self.packet(frame)
        part._at = packet.ts
        try:
            part.process(self.ports[frame.head.port], packet)
        finally:
            part._at = None

    def call(self, frame: f.Frame) -> str | int | None:
        what = frame.head.what
        if what == f.DESCRIBE:
            told = json.loads(bytes(frame.body))
            declared = json.dumps(_describe.manifest(told["file"], told["library"]), allow_nan=False)
            if len(declared) > f.MOST:
                raise ValueError(f"what it declares has {len(declared)} bytes, above {f.MOST}")
            return declared
        if what == f.OPEN:
            return self.open(bytes(frame.body))
        if what == f.CALL and self.tool is not None:
            told = json.loads(bytes(frame.body))
            self.is_virtual = self.tool.is_virtual = told["virtual"]
            if "task" in told:
                arguments = self.tool.arguments_for(told["task"])
                return "" if arguments is None else json.dumps(arguments)
            known = inspect.signature(self.tool.call).parameters
            for name in told["arguments"]:
                if name not in known:
                    raise TypeError(f"no argument `{name}`; arguments: {', '.join(known)}")
            answer = self.tool.call(**told["arguments"])
            return answer if isinstance(answer, str) else json.dumps(answer)
        part = self.part
        if part is None:
            raise _wire.Malformed("a call before it is open")
        if what == f.CONTROL:
            part.on_control(self.ports[frame.head.port] if frame.head.port < len(self.ports) else "",
                            self.packet(frame))
        elif what == f.SETS:
            self.sets(frame.head.count)
        elif what == f.PRODUCE:
            return 0 if part.produce(frame.head.ts) else 1
        elif what == f.TICK:
            part.tick(frame.head.micro_turn)
        elif what == f.RESUME:
            with self.lock:
                task = self.tasks.popleft() if self.tasks else None
            if task is not None:
                task()
        elif what == f.CLOSE:
            part.close()
        return None

    def work(self) -> None:
        while (frame := self.reader.next()) is not None:
            head = frame.head
            self.began = (head.now, head.monotonic)
            with self.lock:
                self.in_call = True
            failed, answer = "", None
            try:
                if head.what == f.PROCESS and self.part is not None:
                    self.process(self.part, frame)
                else:
                    answer = self.call(frame)
            except Exception as e:  # noqa: BLE001 (whatever it is, it is the run's to handle)
                failed = line_of(e)
            del frame
            with self.lock:
                self.in_call = False
                told, version, held, self.untold = self.untold, self.version, self.held, 0
            if failed:
                self.replies.write(f.frame(f.FAILED, b"python.failed\0" + failed.encode(errors="replace")[:f.MOST_WHY]))
            elif answer is None and not told and not version:
                self.replies.write(_DONE)
            else:
                body = answer.encode(errors="replace") if isinstance(answer, str) else b""
                if len(body) > f.MOST:  # of a tool: the run cuts it at its max_result_bytes
                    body = body[:f.MOST].decode(errors="ignore").encode()
                self.replies.write(f.frame(f.DONE, body, seq=answer if isinstance(answer, int) else 0,
                                           epoch=version, stream=held, count=told))


def main() -> None:
    # The first process of a namespace cannot be ended by most signals of its own, and its death would
    # not say which: this one waits for the one that works, and tells how it ended.
    worker = os.fork()
    if worker:
        for fd in range(8):
            os.close(fd)
        code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
        os._exit(code if code >= 0 else 128 - code)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    calls, replies, events = os.dup(0), os.dup(1), os.dup(3)
    # What a component prints must not come between the frames.
    none = os.open(os.devnull, os.O_RDONLY)
    os.dup2(none, 0)
    os.dup2(2, 1)
    os.close(none)
    os.close(3)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    try:
        Child(calls, replies, events).work()
    except BrokenPipeError:
        pass
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
