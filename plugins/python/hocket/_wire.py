"""Payloads to bytes and back: the messages of graph/schema/payload.proto, by hand, since a package of
its own would cost more than these lines."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

from hocket import payloads as p

try:
    import numpy as np
except ImportError:  # arrays are memory views then
    np = None  # type: ignore[assignment]

MASK = (1 << 64) - 1
ELEMENTS = ("", "u8", "i32", "i64", "f16", "bf16", "f32", "f64")
DTYPES = {"u8": "u1", "i32": "<i4", "i64": "<i8", "f16": "<f2", "bf16": "<u2", "f32": "<f4", "f64": "<f8"}
KINDS = {} if np is None else {k: np.dtype(v) for k, v in DTYPES.items()}
CODES = {"u8": "B", "i32": "i", "i64": "q", "f16": "e", "bf16": "H", "f32": "f", "f64": "d"}
OUTCOMES = ("", "ok", "failed", "cancelled", "timed_out", "superseded")
ACTIONS = ("", "start", "cancel")
CONTROLS = ("", "interrupt", "input_lost", "input_recovered", "end_of_stream", "bound", "played", "stop")

Find = Callable[[int, int, int], Any]  # (frame, offset, size) -> bytes-like
Place = Callable[[Any], int]  # an array -> the number of its frame


class Malformed(ValueError):
    """Bytes that are no message of ours."""


def varint(b: Any, at: int) -> tuple[int, int]:
    v = b[at]
    at += 1
    if v < 0x80:
        return v, at
    v &= 0x7F
    shift = 7
    while True:
        byte = b[at]
        at += 1
        v |= (byte & 0x7F) << shift
        if byte < 0x80:
            return v & MASK, at
        shift += 7
        if shift > 63:
            raise Malformed("a number is too long")


def fields(b: Any, at: int, end: int) -> list[tuple[int, Any]]:
    """Numbers as int, texts and messages as (from, to)."""
    out: list[tuple[int, Any]] = []
    while at < end:
        tag = b[at]
        at += 1
        if tag >= 0x80:  # most numbers have one byte
            tag, at = varint(b, at - 1)
        kind = tag & 7
        if kind != 0 and kind != 2:
            raise Malformed(f"a field of kind {kind}")
        v = b[at]
        at += 1
        if v >= 0x80:
            v, at = varint(b, at - 1)
        if kind == 0:
            out.append((tag >> 3, v))
        else:
            size = v
            if size > end - at:
                raise Malformed("a field is longer than its message")
            out.append((tag >> 3, (at, at + size)))
            at += size
    return out


def signed(v: int) -> int:
    return v - (1 << 64) if v >> 63 else v


def zigzag(v: int) -> int:
    return (v >> 1) ^ -(v & 1)


def _zigzagged(v: int) -> int:
    return v << 1 if v >= 0 else ~(v << 1)


def put_varint(out: bytearray, v: int) -> None:
    v &= MASK
    while v > 0x7F:
        out.append(v & 0x7F | 0x80)
        v >>= 7
    out.append(v)


def put_number(out: bytearray, number: int, v: int) -> None:
    if v:
        if not -(1 << 63) <= v < 1 << 64:  # else it would arrive as another one
            raise ValueError(f"{v} is no number of 64 bits")
        put_varint(out, number << 3)
        put_varint(out, v)


def put_bytes(out: bytearray, number: int, v: bytes | bytearray) -> None:
    if v:
        put_varint(out, number << 3 | 2)
        put_varint(out, len(v))
        out += v


def put_bulk(out: bytearray, number: int, array: Any, place: Place) -> None:
    put_place(out, number, place(array), nbytes(array))


def put_place(out: bytearray, number: int, index: int, size: int) -> None:
    inner = bytearray()
    put_number(inner, 1, index)
    put_number(inner, 3, size)
    put_varint(out, number << 3 | 2)
    put_varint(out, len(inner))
    out += inner


def nbytes(array: Any) -> int:
    try:
        return array.nbytes
    except AttributeError:
        return len(array)


def as_array(element: str, raw: Any, shape: tuple[int, ...]) -> Any:
    """Bytes as numbers of a shape, in place."""
    if np is None:
        flat = memoryview(raw).cast("B").cast(CODES[element])
        return flat
    kind = KINDS[element]
    a = raw if isinstance(raw, np.ndarray) else np.frombuffer(raw, kind)
    if a.dtype is not kind:
        a = a.view(kind)
    return a if a.shape == shape else a.reshape(shape)


def _place_of(b: Any, span: tuple[int, int]) -> tuple[int, int, int]:
    f = dict(fields(b, *span))
    return f.get(1, 0), f.get(2, 0), f.get(3, 0)


def _bulk(b: Any, span: tuple[int, int], find: Find) -> Any:
    return find(*_place_of(b, span))


def _text(b: Any, span: tuple[int, int]) -> str:
    return str(b[span[0]:span[1]], "utf-8")


@functools.lru_cache(256)
def _layout(b: bytes) -> tuple[str, tuple[int, ...], tuple[int, int, int] | None]:
    """What a tensor's message says: element, shape, and where its numbers are. Packets of a stream say
    the same, so it is read once."""
    element, shape, bulk = "", [], None
    for number, v in fields(b, 0, len(b)):
        if number == 1 and isinstance(v, int) and 0 < v < len(ELEMENTS):
            element = ELEMENTS[v]
        elif number == 2 and isinstance(v, int):
            shape.append(signed(v))
        elif number == 2:
            at = v[0]
            while at < v[1]:
                n, at = varint(b, at)
                shape.append(signed(n))
        elif number == 3:
            bulk = _place_of(b, v)
    if not element:
        raise Malformed("a tensor without an element type")
    return element, tuple(shape), bulk


def _tensor(message: bytes, find: Find) -> p.Tensor:
    element, shape, bulk = _layout(message) if len(message) <= 128 else _layout.__wrapped__(message)
    return p.Tensor(as_array(element, find(*bulk) if bulk else b"", shape), element, shape)


def decode(b: Any, find: Find) -> Any:
    """The payload of a Packet message; its header is skipped."""
    b = bytes(b)
    at, end = 0, len(b)
    while at < end:
        tag, size = b[at], b[at + 1]
        at += 2
        if size >= 0x80:
            size, at = varint(b, at - 1)
        if size > end - at or tag & 7 != 2 or tag >= 0x80:
            raise Malformed("no packet")
        if tag == 0x22:
            return _tensor(b[at:at + size], find)
        if tag != 0x0A:
            return _decode_body(tag >> 3, b, (at, at + size), find)
        at += size
    raise Malformed("a packet without a payload")


def _decode_body(number: int, b: bytes, span: tuple[int, int], find: Find) -> Any:
    if number == 9:
        example = p.TrainingExample()
        for n, v in fields(b, *span):
            if n == 1:
                named = dict(fields(b, *v))
                example.tensors.append((_text(b, named.get(1, (0, 0))), _tensor(b[slice(*named[2])], find)))
            elif n == 2:
                example.provenance = _text(b, v)
        return example
    f = dict(fields(b, *span))
    text = lambda n: _text(b, f[n]) if n in f else ""  # noqa: E731
    if number == 2:
        channels = f.get(2, 1)
        raw = _bulk(b, f[4], find) if 4 in f else b""
        samples = as_array("f32", raw, (-1, channels) if np is not None else ())
        return p.Audio(samples, f.get(1, 0), channels, signed(f.get(3, 0)))
    if number == 3:
        w, h = f.get(1, 0), f.get(2, 0)
        return p.Video(as_array("u8", _bulk(b, f[3], find) if 3 in f else b"", (h, w, 3)), w, h)
    if number == 5:
        return p.Text(text(1), text(2), f.get(3, 0), not f.get(4, 0))
    if number == 6:
        return p.ToolCall(text(3), text(4), f.get(1, 0), f.get(2, 0))
    if number == 7:
        return p.ToolResult(text(3), text(5), OUTCOMES[f.get(4, 0)], f.get(1, 0), f.get(2, 0))
    if number == 8:
        return p.Delegation(text(3), f.get(1, 0), ACTIONS[f.get(2, 0)], text(4), zigzag(f.get(5, 0)),
                            zigzag(f.get(6, 0)), f.get(7, 0))
    if number == 10:
        return p.Adapter(text(1), _bulk(b, f[3], find) if 3 in f else b"", text(2))
    if number == 11:
        return p.Control(CONTROLS[f.get(1, 0)], text(2), signed(f.get(3, 0)))
    raise Malformed(f"a payload that this release does not know ({number})")


def _named(names: tuple[str, ...], name: str, what: str) -> int:
    if name not in names[1:]:
        raise ValueError(f"{what} {name!r} is none of {', '.join(names[1:])}")
    return names.index(name)


def dense(array: Any, dtype: Any) -> Any:
    """The array as contiguous numbers of a type, of rank 1 at least: itself where it is that already."""
    if np is None:
        view = memoryview(array)
        return view if view.c_contiguous else view.tobytes()
    if type(array) is np.ndarray and array.ndim and array.dtype == dtype and array.flags.c_contiguous:
        return array
    return np.ascontiguousarray(array, dtype)


@functools.lru_cache(256)
def _tensor_message(element: str, shape: tuple[int, ...], index: int, size: int, alone: bool) -> bytes:
    out, packed = bytearray(), bytearray()
    put_number(out, 1, ELEMENTS.index(element))
    for n in shape:
        put_varint(packed, operator.index(n))  # numpy's numbers are no int
    put_bytes(out, 2, packed)
    put_place(out, 3, index, size)
    return _packet(4, out) if alone else bytes(out)


def _packet(number: int, body: bytearray) -> bytes:
    out = bytearray(b"\x0a\x00")  # a header, which the run fills
    put_varint(out, number << 3 | 2)
    put_varint(out, len(body))
    return bytes(out + body)


def _encode_tensor(t: p.Tensor, place: Place, alone: bool) -> bytes:
    """Its message; `alone`: in a packet."""
    element, data = t.element, t.data
    if np is not None and not element:
        kinds = {v.str: k for k, v in KINDS.items() if k != "bf16"}
        element = kinds.get(np.asarray(data).dtype.str, "")
    if element not in DTYPES:
        raise ValueError(f"tensor of {getattr(data, 'dtype', type(data).__name__)}: "
                         f"take one of {', '.join(ELEMENTS[1:])}")
    data = dense(data, KINDS.get(element))
    shape = tuple(t.shape) or tuple(data.shape)
    return _tensor_message(element, shape, place(data), nbytes(data), alone)


def encode(v: Any, place: Place) -> bytes:
    """A Packet message with the payload alone. Errors: ValueError, TypeError."""
    kind = type(v)
    if kind is p.Tensor:
        return _encode_tensor(v, place, True)
    body = bytearray()
    if kind is p.Audio:
        put_number(body, 1, v.rate_hz)
        put_number(body, 2, v.channels)
        put_number(body, 3, v.first_sample)
        samples = dense(v.samples, "<f4")
        shape: tuple[int, ...] = getattr(samples, "shape", ())
        # Of one channel there is one order whatever the shape, if it has one dimension beside ones.
        if len(shape) > 1 and shape[-1] != v.channels and (v.channels != 1 or max(shape) != math.prod(shape)):
            raise ValueError(f"samples of shape {list(shape)} where there are {v.channels} channels: "
                             "take [frames, channels]")
        put_bulk(body, 4, samples, place)
        number = 2
    elif kind is p.Video:
        put_number(body, 1, v.width)
        put_number(body, 2, v.height)
        put_bulk(body, 3, dense(v.pixels, "u1"), place)
        number = 3
    elif kind is p.Text:
        put_bytes(body, 1, v.value.encode())
        put_bytes(body, 2, v.role.encode())
        put_number(body, 3, v.request)
        put_number(body, 4, not v.final)
        number = 5
    elif kind is p.ToolCall:
        put_number(body, 1, v.call)
        put_number(body, 2, v.request)
        put_bytes(body, 3, v.tool.encode())
        put_bytes(body, 4, v.arguments_json.encode())
        number = 6
    elif kind is p.ToolResult:
        put_number(body, 1, v.call)
        put_number(body, 2, v.request)
        put_bytes(body, 3, v.tool.encode())
        put_number(body, 4, _named(OUTCOMES, v.status, "status"))
        put_bytes(body, 5, v.content.encode())
        number = 7
    elif kind is p.Delegation:
        put_number(body, 1, v.request)
        put_number(body, 2, _named(ACTIONS, v.action, "action"))
        put_bytes(body, 3, v.task.encode())
        put_bytes(body, 4, v.transcript.encode())
        put_number(body, 5, _zigzagged(v.from_micro_turn))
        put_number(body, 6, _zigzagged(v.to_micro_turn))
        put_number(body, 7, v.supersedes)
        number = 8
    elif kind is p.TrainingExample:
        for name, t in v.tensors:
            named = bytearray()
            put_bytes(named, 1, name.encode())
            put_bytes(named, 2, _encode_tensor(t, place, False))
            put_bytes(body, 1, named)
        put_bytes(body, 2, v.provenance.encode())
        number = 9
    elif kind is p.Adapter:
        put_bytes(body, 1, v.name.encode())
        put_bytes(body, 2, v.card_json.encode())
        weights = v.weights
        if np is not None and isinstance(weights, np.ndarray):
            weights = np.ascontiguousarray(weights)
        put_bulk(body, 3, weights, place)
        number = 10
    elif kind is p.Control:
        put_number(body, 1, _named(CONTROLS, v.what, "control"))
        put_bytes(body, 2, v.detail.encode())
        put_number(body, 3, v.value)
        number = 11
    else:
        raise TypeError(f"{v!r:.100} is no payload: emit one of hocket.payloads, such as hocket.Text")
    return _packet(number, body)
