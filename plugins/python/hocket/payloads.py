"""What a packet can carry. Arrays are numpy's where numpy is there, else memory views; what came in a
packet is read only, and shares the memory of the run where it is large."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Audio:
    """Linear audio. samples: [frames, channels] f32 in [-1, 1]."""

    samples: Any
    rate_hz: int = 16000
    channels: int = 1
    first_sample: int = 0  # index since stream start; time = first_sample / rate_hz
    kind = "audio"

    def __post_init__(self) -> None:
        shape: tuple[int, ...] = getattr(self.samples, "shape", ())
        if len(shape) == 2:
            self.channels = shape[1]


@dataclass(slots=True)
class Video:
    """One picture. pixels: [height, width, 3] u8 RGB."""

    pixels: Any
    width: int = 0
    height: int = 0
    kind = "video"

    def __post_init__(self) -> None:
        shape: tuple[int, ...] = getattr(self.pixels, "shape", ())
        if len(shape) == 3:
            self.height, self.width = shape[0], shape[1]


@dataclass(slots=True)
class Tensor:
    """Numbers with their shape, row-major. element: u8, i32, i64, f16, bf16, f32 or f64; bf16 comes
    as u16 bits."""

    data: Any
    element: str = ""
    shape: tuple[int, ...] = ()
    kind = "tensor"


@dataclass(slots=True)
class Text:
    """Words, from or to anybody. role: user, model, heard or background."""

    value: str
    role: str = "user"
    request: int = 0  # the delegation that it answers, or 0
    final: bool = True  # False: more of the same utterance follows
    kind = "text"


@dataclass(slots=True)
class ToolCall:
    """A request to a tool."""

    tool: str
    arguments_json: str = "{}"
    call: int = 0
    request: int = 0
    kind = "tool_call"


@dataclass(slots=True)
class ToolResult:
    """What a tool answered. status: ok, failed, cancelled, timed_out or superseded."""

    tool: str
    content: str
    status: str = "ok"
    call: int = 0
    request: int = 0
    kind = "tool_result"


@dataclass(slots=True)
class Delegation:
    """Work for the background. action: start or cancel."""

    task: str
    request: int = 0
    action: str = "start"
    transcript: str = ""
    from_micro_turn: int = 0
    to_micro_turn: int = 0
    supersedes: int = 0
    kind = "delegation"


@dataclass(slots=True)
class TrainingExample:
    """One example for a trainer: tensors by name."""

    tensors: list[tuple[str, Tensor]] = field(default_factory=list)
    provenance: str = ""
    kind = "training_example"


@dataclass(slots=True)
class Adapter:
    """A LoRA adapter with its card; weights: a safetensors file."""

    name: str
    weights: Any
    card_json: str = "{}"
    kind = "adapter"


@dataclass(slots=True)
class Control:
    """interrupt, input_lost, input_recovered, end_of_stream, bound, played or stop."""

    what: str
    detail: str = ""
    value: int = 0
    kind = "control"


ALL = (Audio, Video, Tensor, Text, ToolCall, ToolResult, Delegation, TrainingExample, Adapter, Control)
