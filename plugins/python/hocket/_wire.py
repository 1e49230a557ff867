"""Payloads to bytes and back: the messages of graph/schema/payload.proto, by hand, since a package of
its own would cost more than these lines."""

from __future__ import annotations

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
        tag, at = varint(b, at)
        kind = tag & 7
        if kind == 0:
            v, at = varint(b, at)
            out.append((tag >> 3, v))
        elif kind == 2:
            size, at = varint(b, at)
            if size > end - at:
                raise Malformed("a field is longer than its message")
            out.append((tag >> 3, (at, at + size)))
            at += size
        else:
            raise Malformed(f"a field of kind {kind}")
    return out


def signed(v: int) -> int:
    return v - (1 << 64) if v >> 63 else v


def zigzag(v: int) -> int:
    return (v >> 1) ^ -(v & 1)


def put_varint(out: bytearray, v: int) -> None:
    v &= MASK
    while v > 0x7F:
        out.append(v & 0x7F | 0x80)
        v >>= 7
    out.append(v)


def put_number(out: bytearray, number: int, v: int) -> None:
    if v:
        put_varint(out, number << 3)
        put_varint(out, v)


def put_bytes(out: bytearray, number: int, v: bytes | bytearray) -> None:
    if v:
        put_varint(out, number << 3 | 2)
        put_varint(out, len(v))
        out += v


def put_bulk(out: bytearray, number: int, array: Any, place: Place) -> None:
    view_size = nbytes(array)
    inner = bytearray()
    put_number(inner, 1, place(array))
    put_number(inner, 3, view_size)
    put_varint(out, number << 3 | 2)
    put_varint(out, len(inner))
    out += inner


def nbytes(array: Any) -> int:
    n = getattr(array, "nbytes", None)
    return len(array) if n is None else int(n)


def as_array(element: str, raw: Any, shape: tuple[int, ...]) -> Any:
    """Bytes as numbers of a shape, in place."""
    if np is None:
        flat = memoryview(raw).cast("B").cast(CODES[element])
        return flat
    a = raw.view(DTYPES[element]) if isinstance(raw, np.ndarray) else np.frombuffer(raw, DTYPES[element])
    return a.reshape(shape)


def _bulk(b: Any, span: tuple[int, int], find: Find) -> Any:
    f = dict(fields(b, *span))
    return find(f.get(1, 0), f.get(2, 0), f.get(3, 0))


def _text(b: Any, span: tuple[int, int]) -> str:
    return str(b[span[0]:span[1]], "utf-8")


def _tensor(b: Any, span: tuple[int, int], find: Find) -> p.Tensor:
    element, shape, raw = "", [], b""
    for number, v in fields(b, *span):
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
            raw = _bulk(b, v, find)
    if not element:
        raise Malformed("a tensor without an element type")
    return p.Tensor(as_array(element, raw, tuple(shape)), element, tuple(shape))


def decode(b: Any, find: Find) -> Any:
    """The payload of a Packet message; its header is skipped."""
    at, end = 0, len(b)
    while at < end:
        tag, at = varint(b, at)
        size, at = varint(b, at)
        span = (at, at + size)
        at += size
        if size > end or tag & 7 != 2:
            raise Malformed("no packet")
        if tag >> 3 != 1:
            return _decode_body(tag >> 3, b, span, find)
    raise Malformed("a packet without a payload")


def _decode_body(number: int, b: Any, span: tuple[int, int], find: Find) -> Any:
    if number == 4:
        return _tensor(b, span, find)
    if number == 9:
        example = p.TrainingExample()
        for n, v in fields(b, *span):
            if n == 1:
                named = dict(fields(b, *v))
                example.tensors.append((_text(b, named.get(1, (0, 0))), _tensor(b, named[2], find)))
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


def dense(array: Any, dtype: str) -> Any:
    """The array as contiguous numbers of a type: itself where it is that already."""
    if np is None:
        view = memoryview(array)
        return view if view.c_contiguous else view.tobytes()
    a = np.ascontiguousarray(array, dtype)
    return a


def _put_tensor(out: bytearray, t: p.Tensor, place: Place) -> None:
    element, data = t.element, t.data
    if np is not None and not element:
        kinds = {np.dtype(v).str: k for k, v in DTYPES.items() if k != "bf16"}
        element = kinds.get(np.asarray(data).dtype.str, "")
    if element not in DTYPES:
        raise ValueError(f"tensor of {getattr(data, 'dtype', type(data).__name__)}: "
                         f"take one of {', '.join(ELEMENTS[1:])}")
    data = dense(data, DTYPES[element])
    shape = tuple(t.shape) or tuple(data.shape)
    put_number(out, 1, ELEMENTS.index(element))
    packed = bytearray()
    for n in shape:
        put_varint(packed, n)
    put_bytes(out, 2, packed)
    put_bulk(out, 3, data, place)


def encode(v: Any, place: Place) -> bytes:
    """A Packet message with the payload alone. Errors: ValueError, TypeError."""
    body = bytearray()
    kind = type(v)
    if kind is p.Audio:
        put_number(body, 1, v.rate_hz)
        put_number(body, 2, v.channels)
        put_number(body, 3, v.first_sample)
        put_bulk(body, 4, dense(v.samples, "<f4"), place)
        number = 2
    elif kind is p.Video:
        put_number(body, 1, v.width)
        put_number(body, 2, v.height)
        put_bulk(body, 3, dense(v.pixels, "u1"), place)
        number = 3
    elif kind is p.Tensor:
        _put_tensor(body, v, place)
        number = 4
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
        put_number(body, 5, v.from_micro_turn << 1 ^ v.from_micro_turn >> 63)
        put_number(body, 6, v.to_micro_turn << 1 ^ v.to_micro_turn >> 63)
        put_number(body, 7, v.supersedes)
        number = 8
    elif kind is p.TrainingExample:
        for name, t in v.tensors:
            named = bytearray()
            put_bytes(named, 1, name.encode())
            inner = bytearray()
            _put_tensor(inner, t, place)
            put_bytes(named, 2, inner)
            put_bytes(body, 1, named)
        put_bytes(body, 2, v.provenance.encode())
        number = 9
    elif kind is p.Adapter:
        put_bytes(body, 1, v.name.encode())
        put_bytes(body, 2, v.card_json.encode())
        put_bulk(body, 3, v.weights, place)
        number = 10
    elif kind is p.Control:
        put_number(body, 1, _named(CONTROLS, v.what, "control"))
        put_bytes(body, 2, v.detail.encode())
        put_number(body, 3, v.value)
        number = 11
    else:
        raise TypeError(f"{v!r:.100} is no payload: emit one of hocket.payloads, such as hocket.Text")
    out = bytearray(b"\x0a\x00")  # a header, which the run fills
    put_varint(out, number << 3 | 2)
    put_varint(out, len(body))
    out += body
    return bytes(out)
