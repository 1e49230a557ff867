"""Settings of a component: declared once, checked alike here and in a graph file."""

from __future__ import annotations

import difflib
import math
import typing
from dataclasses import dataclass
from typing import Any

_TYPES: dict[Any, str] = {
    bool: "bool", int: "int", float: "number", str: "string",
    list[str]: "string list", list[float]: "number list",
}
_MISSING = object()
# Nothing but a component's own code calls these: a setting may have the name where it needs none of them.
_GIVEN_AWAY = {"allocate", "count", "for_session", "interrupt", "log", "run", "work_under_way"}


@dataclass(slots=True)
class Setting:
    """One key; `setting()` makes it."""

    default: Any
    doc: str
    unit: str = ""
    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] = ()
    path: bool = False
    output: bool = False
    name: str = ""
    type: str = ""

    @property
    def required(self) -> bool:
        return self.default is _MISSING

    def manifest(self) -> dict[str, Any]:
        out: dict[str, Any] = {
            "name": self.name, "type": self.type, "doc": self.doc, "required": self.required,
        }
        if not self.required:
            out["default"] = self.default
        for key in ("unit", "min", "max", "path", "output"):
            if getattr(self, key) not in ("", None, False):
                out[key] = getattr(self, key)
        if self.choices:
            out["choices"] = list(self.choices)
        return out


def setting(default: Any = _MISSING, doc: str = "", **limits: Any) -> Any:
    """Declares a key of a component's config: `gain_db: float = setting(0.0, "how much", unit="dB")`.

    Without a default the graph has to give it. Limits: unit, min, max, choices (of texts), path (a
    file or folder to read), output (a file that is made, beneath the run's output folder).
    """
    if "choices" in limits:
        limits["choices"] = tuple(limits["choices"])
    return Setting(default, doc, **limits)


def settings_of(cls: type) -> list[Setting]:
    """The settings of a class and of what it derives from, in order. Errors: TypeError, ValueError."""
    out: dict[str, Setting] = {}
    taken = {name for base in cls.__mro__ if base.__module__ == "hocket.component"
             for name in (*vars(base), *vars(base).get("__annotations__", ()))} - _GIVEN_AWAY
    for base in reversed(cls.__mro__):
        own = {k: v for k, v in vars(base).items() if isinstance(v, Setting)}
        if not own:
            continue
        hints = typing.get_type_hints(base)
        for name, s in own.items():
            hint = hints.get(name)
            if hint not in _TYPES:
                raise TypeError(
                    f"{cls.__name__}.{name}: a setting is annotated with bool, int, float, str, "
                    f"list[str] or list[float], not {hint!r}"
                )
            s.name, s.type = name, _TYPES[hint]
            if name in taken:
                raise ValueError(f"{cls.__name__}.{name}: a component has a `{name}` of its own; take another name")
            if not s.required and (why := _wrong_default(s)):
                raise ValueError(f"{cls.__name__}.{name}: its default {s.default!r:.100} {why}")
            out[name] = s
    return list(out.values())


def _wrong_default(s: Setting) -> str:
    """Why nobody could write it in a graph file; "" where everybody can."""
    fit = _fit(s, s.default)
    if fit is _MISSING:
        return f"is not {_ARTICLES[s.type]}"
    for one in fit if isinstance(fit, list) else [fit]:
        if isinstance(one, float) and not math.isfinite(one):
            return "is no finite number"
        if isinstance(one, int) and not -(1 << 63) <= one < 1 << 63:
            return "is no number of 64 bits"
        if s.choices and one not in s.choices:
            return f"is none of {', '.join(s.choices)}"
        if isinstance(one, (int, float)) and not isinstance(one, bool) and not (
                (s.min is None or one >= s.min) and (s.max is None or one <= s.max)):
            return f"is outside {'' if s.min is None else s.min} to {'' if s.max is None else s.max}"
    return ""


def _kind_name(v: Any) -> str:
    return {bool: "a boolean", int: "an integer", float: "a number", str: "a string", list: "a list",
            dict: "a map"}.get(type(v), "null" if v is None else type(v).__name__)


def _fit(s: Setting, v: Any) -> Any:
    """The value as the setting takes it, or _MISSING."""
    if s.type == "bool":
        return v if isinstance(v, bool) else _MISSING
    if s.type == "int":
        return v if isinstance(v, int) and not isinstance(v, bool) else _MISSING
    if s.type == "number":
        return float(v) if isinstance(v, (int, float)) and not isinstance(v, bool) else _MISSING
    if s.type == "string":
        return v if isinstance(v, str) else _MISSING
    want: Any = str if s.type == "string list" else (int, float)
    if isinstance(v, (list, tuple)) and all(isinstance(i, want) and not isinstance(i, bool) for i in v):
        return [i if s.type == "string list" else float(i) for i in v]
    return _MISSING


_ARTICLES = {"bool": "a boolean", "int": "an integer", "number": "a number", "string": "a string",
             "string list": "a list of strings", "number list": "a list of numbers"}


def read_config(cls: type, given: dict[str, Any], owner: str = "") -> tuple[dict[str, Any], list[str]]:
    """The values of all settings, and every finding about those that were given."""
    owner = owner or cls.__name__
    known = {s.name: s for s in settings_of(cls)}
    values: dict[str, Any] = {}
    findings: list[str] = []
    for key, v in given.items():
        s = known.get(key)
        if s is None:
            near = difflib.get_close_matches(key, known, 1)
            findings.append(
                f"{owner}: unknown key `{key}` [config.unknown-key]"
                + (f"\n  hint: did you mean `{near[0]}`?" if near else "")
                + (f"\n  note: valid keys: {', '.join(known)}" if known else "")
            )
            continue
        fit = _fit(s, v)
        if fit is _MISSING:
            findings.append(f"{owner}: `{key}` must be {_ARTICLES[s.type]}, not {_kind_name(v)} [config.type]")
            continue
        for one in fit if isinstance(fit, list) else [fit]:
            if s.choices and one not in s.choices:
                findings.append(f"{owner}: `{key}`: `{one}` is none of {', '.join(s.choices)} [config.choice]")
            elif isinstance(one, (int, float)) and not isinstance(one, bool) and (
                (s.min is not None and one < s.min) or (s.max is not None and one > s.max)
            ):
                low = "" if s.min is None else f"{s.min:g}"
                high = "" if s.max is None else f"{s.max:g}"
                findings.append(f"{owner}: `{key}`: {one:g} is outside {low} to {high} [config.range]")
        values[key] = fit
    for s in known.values():
        if s.name in values:
            continue
        if s.required:
            findings.append(f"{owner}: `{s.name}` is missing [config.missing-key]")
        else:
            values[s.name] = list(s.default) if isinstance(s.default, (list, tuple)) else s.default
    return values, findings
