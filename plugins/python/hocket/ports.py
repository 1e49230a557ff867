"""Declarations of inputs and outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hocket import payloads

_POLICIES = ("block", "drop_oldest", "drop_newest", "latest")
_ELEMENTS = ("u8", "i32", "i64", "f16", "bf16", "f32", "f64")


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output: what it carries, and, of an input, its queue."""

    payload: type[Any]
    doc: str = ""
    required: bool = True
    rate_hz: int = 0
    channels: int = 0
    element: str = ""
    shape: tuple[int, ...] = ()
    packets_per_s: float = 0
    queue_size: int = 0
    queue_full: str = ""
    max_age_ms: int = 0

    def manifest(self, name: str, is_input: bool) -> dict[str, Any]:
        media: dict[str, Any] = {"kind": self.payload.kind}
        for key in ("rate_hz", "channels", "element", "packets_per_s"):
            if getattr(self, key):
                media[key] = getattr(self, key)
        if self.shape:
            media["shape"] = list(self.shape)
        out: dict[str, Any] = {"name": name, "media": media, "doc": self.doc}
        if is_input:
            out["required"] = self.required
            # Size 0: the queue that every component has for such payloads.
            out["queue"] = {
                "size": self.queue_size or (64 if self.queue_full else 0),
                "full": self.queue_full or "block",
                "max_age_ms": self.max_age_ms,
            }
        return out


def port(payload: type, doc: str = "", **options: Any) -> Port:
    """A port that carries `payload`, one of the classes of hocket.payloads.

    Options: required (inputs; True), rate_hz and channels (Audio), element and shape (Tensor; -1 in a
    shape is any), packets_per_s, queue_size, queue_full (block, drop_oldest, drop_newest, latest),
    max_age_ms.
    """
    if payload not in payloads.ALL:
        raise TypeError(f"port: {payload!r} is no payload: take one of hocket.payloads, such as hocket.Text")
    if options.get("element", "") not in ("", *_ELEMENTS):
        raise ValueError(f"port: element {options['element']!r} is none of {', '.join(_ELEMENTS)}")
    if options.get("queue_full", "") not in ("", *_POLICIES):
        raise ValueError(f"port: queue_full {options['queue_full']!r} is none of {', '.join(_POLICIES)}")
    if "shape" in options:
        options["shape"] = tuple(options["shape"])
    return Port(payload, doc, **options)
