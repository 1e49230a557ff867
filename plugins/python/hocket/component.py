"""What an author derives from."""

from __future__ import annotations

import contextlib
import operator
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from hocket import config, ports


class Packet:
    """A payload with its header. Times are ns of stream time."""

    __slots__ = ("payload", "ts", "session", "stream", "seq", "micro_turn", "epoch", "origin_ts", "_raw")

    def __init__(self, payload: Any, ts: int = 0, session: int = 1, stream: int = 0, seq: int = 0,
                 micro_turn: int = 0, epoch: int = 0, origin_ts: int = 0, raw: Any = None) -> None:
        self.payload = payload
        self.ts = ts
        self.session = session
        self.stream = stream
        self.seq = seq
        self.micro_turn = micro_turn
        self.epoch = epoch
        self.origin_ts = origin_ts
        self._raw = raw

    def __repr__(self) -> str:
        return f"Packet({type(self.payload).__name__}, ts={self.ts / 1e6:g} ms, seq={self.seq})"


@dataclass(slots=True)
class Set:
    """Packets of one micro-turn, or of one timestamp (policy aligned): [start, end) ns."""

    session: int
    micro_turn: int
    start: int
    end: int
    epoch: int = 0
    inputs: dict[str, list[Packet]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)  # connected, but nothing settled came


class _Out(Protocol):
    """Where what a component emits goes: a child's pipe, or a harness."""

    def emit(self, port: int, payload: Any, ts: int) -> None: ...
    def interrupt(self) -> None: ...
    def for_session(self, session: int) -> None: ...
    def allocate(self, count: int, dtype: str) -> Any: ...
    def log(self, line: str) -> None: ...
    def count(self, counter: str, add: int) -> None: ...
    def run(self, task: Callable[[], None]) -> bool: ...
    def hold(self, by: int) -> None: ...
    def now(self) -> int: ...


@dataclass(slots=True)
class Context:
    """What a component may know of its surroundings."""

    actor: str = "actor"
    session: int = 1  # 0: of a shared component
    micro_turn_ns: int = 200_000_000
    is_virtual: bool = True
    output_dir: str = "out"
    restarts: int = 0  # lives of this actor before this one
    graph: str = ""


class Component:
    """One stage of a graph.

    Declare `inputs` and `outputs` (ports by name) and settings; override what you need of open,
    process, process_sets, produce, tick, on_control and close. All calls of one instance come one after
    the other. An exception is handled by the actor's restart policy.
    """

    inputs: ClassVar[dict[str, ports.Port]] = {}
    outputs: ClassVar[dict[str, ports.Port]] = {}
    policy: ClassVar[str] = "immediate"  # or latest, aligned, micro_turn
    policies: ClassVar[tuple[str, ...]] = ()  # others that it supports
    scope: ClassVar[str] = "session"  # or shared: one instance for all sessions
    source: ClassVar[bool] = False  # produce() makes its packets
    period_ms: ClassVar[int] = 20  # sources: how often produce() is called
    ticks: ClassVar[bool] = False  # wants tick()
    latency_ms: ClassVar[float] = 0  # declared: what it adds between input and output

    context: Context
    _out: _Out
    _outputs: dict[str, int]
    _at: int | None = None

    def open(self) -> None:
        """Acquires what is needed."""

    def process(self, port: str, packet: Packet) -> None:
        """One packet (policies immediate and latest)."""

    def process_sets(self, sets: list[Set]) -> None:
        """What is due at once (policies aligned and micro_turn)."""

    def produce(self, until: int) -> bool:
        """Sources: emits what belongs to stream time before `until` ns; False: that was all."""
        return False

    def tick(self, micro_turn: int) -> None:
        """The end of a micro-turn."""

    def on_control(self, port: str, packet: Packet) -> None:
        """Control that concerns the component: interrupt, input_lost, end_of_stream, ..."""

    def close(self) -> None:
        """Last words, when every input has drained."""

    @property
    def now(self) -> int:
        """Stream time, ns."""
        return self._out.now()

    def emit(self, port: str, payload: Any, ts: int | None = None) -> None:
        """Sends to an output; without `ts` at the time of the packet at hand, or now."""
        index = self._outputs.get(port)
        if index is None:
            raise KeyError(f"{type(self).__name__} has no output `{port}`; outputs: {', '.join(self._outputs)}")
        if ts is None:
            ts = self._out.now() if self._at is None else self._at
        ts = operator.index(ts)
        if not -(1 << 63) <= ts < 1 << 63:
            raise ValueError(f"emit to `{port}`: ts {ts} is no time, nanoseconds in 64 bits")
        self._out.emit(index, payload, ts)

    def allocate(self, shape: int | tuple[int, ...], dtype: str = "f4") -> Any:
        """An array to fill and emit, in memory that the run sees too: it goes out without a copy."""
        dims = (shape,) if isinstance(shape, int) else tuple(shape)
        count = 1
        for d in dims:
            count *= d
        flat = self._out.allocate(count, dtype)
        return flat if len(dims) == 1 else flat.reshape(dims)

    def interrupt(self) -> None:
        """Raises the session's epoch: what is older is dropped wherever it is queued or playing."""
        self._out.interrupt()

    def for_session(self, session: int) -> None:
        """Shared components: directs what is emitted from here to another session; 0: to all."""
        self._out.for_session(session)

    def log(self, line: str) -> None:
        """A line for the event log; never speech or transcripts."""
        self._out.log(line)

    def count(self, counter: str, add: int = 1) -> None:
        """Adds to a counter of this actor, shown by `hocket top`."""
        self._out.count(counter, add)

    def run(self, task: Callable[[], None]) -> bool:
        """From any thread: runs `task` in the actor's context, after what is queued."""
        if not callable(task):
            raise TypeError(f"run takes a function, not {task!r:.100}")
        return self._out.run(task)

    @contextlib.contextmanager
    def work_under_way(self) -> Iterator[None]:
        """While it lasts the actor is not drained: for threads that will still tell something."""
        self._out.hold(1)
        try:
            yield
        finally:
            self._out.hold(-1)


class Tool:
    """Something that the background can ask.

    `call` gets the arguments that its signature declares: they become the tool's JSON schema, with the
    text of `Annotated[int, "what it is"]` as their description. It returns text for the model. A tool
    that implements `arguments_for` is found by `planner: match`, too.
    """

    name: ClassVar[str] = ""  # as a graph names it; the class's name in lower case without one
    time_limit_ms: ClassVar[int] = 5000
    max_result_bytes: ClassVar[int] = 16384
    network: ClassVar[bool] = False  # it may open sockets

    now: Callable[[], int] = staticmethod(lambda: 0)  # stream time, ns
    is_virtual: bool = True
    progress: Callable[[str], None] = staticmethod(lambda text: None)  # a partial result, shown as it comes
    cancelled: threading.Event

    def open(self) -> None:
        """Acquires what is needed, before the first call."""

    # With both, type checkers let a tool declare the arguments that it has.
    def call(self, *_: Any, **arguments: Any) -> str:
        raise NotImplementedError

    def arguments_for(self, task: str) -> dict[str, Any] | None:
        """The arguments for a task in words ("seven times eight"), or None where it is none for it."""
        return None


def prepare(part: Component, out: _Out, context: Context, given: dict[str, Any]) -> None:
    """Gives an instance its settings and surroundings. Errors: ValueError with all findings."""
    cls = type(part)
    values, findings = config.read_config(cls, given, f"{context.actor} ({cls.__name__})")
    if findings:
        raise ValueError("\n".join(findings))
    for name, v in values.items():
        setattr(part, name, v)
    part.context = context
    part._out = out
    part._outputs = {name: i for i, name in enumerate(cls.outputs)}
