"""Runs one component or tool in a test: no host, no threads, no waiting; time is what the test says."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from hocket import _describe, _wire
from hocket.component import Component, Context, Packet, Set, Tool, prepare

np = _wire.np


class ComponentError(Exception):
    """What the component under test failed with."""


def _copy(payload: Any) -> Any:
    """What crossing to the run and back makes of a payload; checks that it can cross."""
    kept: list[Any] = []

    def place(array: Any) -> int:
        raw = bytes(memoryview(array).cast("B")) if _wire.nbytes(array) else b""
        kept.append(np.frombuffer(raw, "u1") if np is not None else raw)
        return len(kept) - 1

    data = _wire.encode(payload, place)
    return _wire.decode(data, lambda index, offset, size: kept[index][offset:offset + size])


class Harness:
    """A component with a fake clock: packets are pushed by hand, what it emits is kept and checked.

        h = Harness(Gain, gain_db=6.0)
        h.open()
        h.push("audio", Audio(samples), ts_ms=0)
        assert len(h.outputs("audio")) == 1
        h.close()
        assert not h.violations
    """

    def __init__(self, cls: type[Component], *, micro_turn_ms: int = 200, session: int = 1,
                 connected: list[str] | None = None, is_virtual: bool = True, **settings: Any) -> None:
        self.violations: list[str] = []
        self.logs: list[str] = []
        self.counters: Counter[str] = Counter()
        self.interrupts = 0
        self.held = 0
        self._cls = cls
        _describe.component("test", cls)  # what it declares is checked as a run checks it
        self._emitted: dict[str, list[Packet]] = {name: [] for name in cls.outputs}
        self._last: dict[str, int] = {}
        self._now = 0
        self._session = session
        self._turn_ns = micro_turn_ms * 1_000_000
        self._next_turn = 0
        self._produced = False
        self._waiting: dict[str, list[Packet]] = {name: [] for name in cls.inputs}
        self._connected = list(cls.inputs) if connected is None else connected
        self._seq: Counter[str] = Counter()
        self._tasks: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self.component = cls()
        context = Context(micro_turn_ns=self._turn_ns, session=session, is_virtual=is_virtual)
        try:
            prepare(self.component, self, context, settings)
        except ValueError as e:
            raise ComponentError(str(e)) from None

    # hocket.component._Out
    def now(self) -> int:
        return self._now

    def emit(self, port: int, payload: Any, ts: int) -> None:
        name = list(self._cls.outputs)[port]
        declared = self._cls.outputs[name]
        if type(payload) is not declared.payload:
            self.violations.append(f"{name}: a {type(payload).__name__} where {declared.payload.__name__} is declared")
        for key in ("rate_hz", "channels", "element"):
            want = getattr(declared, key)
            if want and hasattr(payload, key) and getattr(payload, key) != want:
                self.violations.append(f"{name}: {key} {getattr(payload, key)} where {want} is declared")
        if ts < self._last.get(name, ts):
            self.violations.append(f"{name}: a packet of {ts} ns after one of {self._last[name]} ns")
        self._last[name] = ts
        out = Packet(_copy(payload), ts, self._session, port, len(self._emitted[name]), ts // self._turn_ns)
        self._emitted[name].append(out)

    def interrupt(self) -> None:
        self.interrupts += 1

    def for_session(self, session: int) -> None:
        self._session = session

    def allocate(self, count: int, dtype: str) -> Any:
        if np is None:
            raise RuntimeError("allocate() gives numpy arrays, and numpy is not installed")
        return np.empty(count, dtype)

    def log(self, line: str) -> None:
        self.logs.append(line)

    def count(self, counter: str, add: int) -> None:
        self.counters[counter] += add

    def run(self, task: Callable[[], None]) -> bool:
        with self._lock:
            self._tasks.append(task)
        return True

    def hold(self, by: int) -> None:
        with self._lock:
            self.held += by

    # What a test does.
    def open(self) -> None:
        self._call(self.component.open)

    def push(self, port: str, payload: Any, ts_ms: float = 0) -> None:
        """Hands a packet over at once, or, where the policy makes sets, keeps it for its set."""
        if port not in self._waiting:
            raise KeyError(f"{self._cls.__name__} has no input `{port}`; inputs: {', '.join(self._waiting)}")
        ts = round(ts_ms * 1e6)
        packet = Packet(_copy(payload), ts, self._session, 0, self._seq[port], ts // self._turn_ns, origin_ts=ts)
        self._seq[port] += 1
        self._now = max(self._now, ts)
        if self._cls.policy in ("micro_turn", "aligned"):
            self._waiting[port].append(packet)
            if self._cls.policy == "aligned" and all(self._waiting[p] for p in self._connected):
                self._aligned()
            return
        self.component._at = ts
        try:
            self._call(self.component.process, port, packet)
        finally:
            self.component._at = None

    def advance_to(self, ms: float) -> None:
        """Moves the clock: micro-turns end, a source makes what belongs before it."""
        until = round(ms * 1e6)
        period = int(self._cls.period_ms) * 1_000_000
        while self._now < until:
            turn_end = (self._next_turn + 1) * self._turn_ns
            step = min(until, turn_end, self._now // period * period + period if self._cls.source else until)
            self._now = step
            if self._cls.source and not self._produced:
                self._produced = not self._call(self.component.produce, step)
            if step == turn_end:
                self._end_turn()
        self._run_tasks()

    def control(self, what: str, port: str = "", detail: str = "", value: int = 0) -> None:
        from hocket.payloads import Control
        self._call(self.component.on_control, port, Packet(Control(what, detail, value), self._now))

    def close(self) -> None:
        self._run_tasks()
        self._call(self.component.close)

    def outputs(self, port: str) -> list[Packet]:
        """What it emitted there so far."""
        return self._emitted[port]

    def _call(self, what: Callable[..., Any], *arguments: Any) -> Any:
        try:
            out = what(*arguments)
        except Exception as e:
            raise ComponentError(f"{self._cls.__name__}.{what.__name__}: {type(e).__name__}: {e}") from e
        self._run_tasks()
        return out

    def _run_tasks(self) -> None:
        while self._tasks:
            with self._lock:
                task = self._tasks.popleft()
            task()

    def _aligned(self) -> None:
        ts = min(self._waiting[p][0].ts for p in self._connected)
        inputs = {p: [q for q in w if q.ts == ts] for p, w in self._waiting.items()}
        self._waiting = {p: [q for q in w if q.ts != ts] for p, w in self._waiting.items()}
        missing = {p for p in self._connected if not inputs[p]}
        self._call(self.component.process_sets,
                   [Set(self._session, ts // self._turn_ns, ts, ts + 1, 0, inputs, missing)])

    def _end_turn(self) -> None:
        k = self._next_turn
        start, end = k * self._turn_ns, (k + 1) * self._turn_ns
        self._next_turn += 1
        if self._cls.policy == "micro_turn":
            inputs = {p: [q for q in w if q.ts < end] for p, w in self._waiting.items()}
            self._waiting = {p: [q for q in w if q.ts >= end] for p, w in self._waiting.items()}
            missing = {p for p in self._connected if not inputs[p]}
            self._call(self.component.process_sets, [Set(self._session, k, start, end, 0, inputs, missing)])
        if self._cls.ticks:
            self._call(self.component.tick, k)


class ToolHarness:
    """A tool as the background asks it: arguments as a JSON object that follows its schema.

        assert ToolHarness(Dice).call(sides=6) in "123456"
    """

    def __init__(self, cls: type[Tool], now_ms: float = 0) -> None:
        self.info = _describe.tool(cls)
        self.partial: list[str] = []
        self.tool = cls()
        self.tool.now = lambda: round(now_ms * 1e6)  # type: ignore[method-assign]
        self.tool.cancelled = threading.Event()
        self.tool.progress = self.partial.append  # type: ignore[method-assign]
        self.tool.open()

    def call(self, **arguments: Any) -> str:
        properties = self.info["parameters"]["properties"]
        for name in arguments:
            if name not in properties:
                raise TypeError(f"no argument `{name}`; arguments: {', '.join(properties)}")
        answer = self.tool.call(**json.loads(json.dumps(arguments)))
        return answer if isinstance(answer, str) else json.dumps(answer)

    def arguments_for(self, task: str) -> dict[str, Any] | None:
        return self.tool.arguments_for(task)
