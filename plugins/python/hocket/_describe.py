"""What a module declares, as the manifest that `hocket` reads (graph/spec/manifest.hpp)."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from hocket.component import Component, Tool
from hocket.config import settings_of
from hocket.ports import Port

_SCHEMAS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"}, int: {"type": "integer"}, float: {"type": "number"},
    bool: {"type": "boolean"}, list: {"type": "array"}, dict: {"type": "object"},
}
_WORD = re.compile(r"[a-z][a-z0-9_]*")
MOST_PORTS = 1024  # of one side


def load(path: str) -> types.ModuleType:
    """The module of a file, or of a folder with an __init__.py; its folder is where it imports from."""
    file = Path(path)
    name = file.stem
    target = file / "__init__.py" if file.is_dir() else file
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(
        name, target, submodule_search_locations=[str(file)] if file.is_dir() else None)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path}: no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def classes(module: types.ModuleType, base: type) -> list[type]:
    """The module's own public classes that derive from `base`, in order of their text."""
    return [c for name, c in vars(module).items()
            if isinstance(c, type) and issubclass(c, base) and c is not base
            and not name.startswith("_") and c.__module__.split(".")[0] == module.__name__]


def summary(cls: type) -> str:
    doc = inspect.getdoc(cls) if isinstance(vars(cls).get("__doc__"), str) else ""
    return (doc or "").encode(errors="replace").decode().split("\n\n")[0].replace("\n", " ").strip()


def tool_name(cls: type[Tool]) -> str:
    return cls.name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()


def _check_calls(cls: type, names: tuple[str, ...]) -> None:
    """What a run calls has to be there, and to come back with its work done."""
    for name in names:
        call = getattr(cls, name)
        if not callable(call):
            raise TypeError(f"{cls.__name__}.{name}: it is called, and {call!r:.100} is no function")
        if inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call):
            raise TypeError(f"{cls.__name__}.{name}: nobody awaits it; take `def` instead of `async def`, and "
                            "asyncio.run() or a thread of your own for what is async")
        if inspect.isgeneratorfunction(call):
            raise TypeError(f"{cls.__name__}.{name}: nobody takes what it yields; emit() or return it")


def _check_types(cls: type, kinds: dict[str, type]) -> None:
    for name, kind in kinds.items():
        v = getattr(cls, name)
        if not isinstance(v, kind):
            raise TypeError(f"{cls.__name__}.{name}: {v!r:.100} is no {kind.__name__}")


def _check_number(cls: type, name: str, least: int, bits: int = 31, whole: bool = True) -> None:
    """From `least` to what so many bits hold. 20.0 is a whole number, too: 1000 / 50 is."""
    v = getattr(cls, name)
    if isinstance(v, bool) or not isinstance(v, (int, float)) or (whole and v != v // 1):
        raise TypeError(f"{cls.__name__}.{name}: {v!r:.100} is no {'whole ' if whole else ''}number")
    if not least <= v < 1 << bits:  # NaN is not, either
        raise ValueError(f"{cls.__name__}.{name}: {v!r:.100} is not from {least} to {(1 << bits) - 1}")


def _check_ports(cls: type[Component]) -> None:
    for side in ("inputs", "outputs"):
        ports = getattr(cls, side)
        if not isinstance(ports, Mapping) or not all(isinstance(p, Port) for p in ports.values()):
            raise TypeError(f"{cls.__name__}.{side}: take names and ports: {{\"words\": hocket.port(hocket.Text)}}")
        if len(ports) > MOST_PORTS:
            raise ValueError(f"{cls.__name__}.{side}: {len(ports)} ports, above {MOST_PORTS}")
        for name in ports:
            if not isinstance(name, str) or not _WORD.fullmatch(name):
                raise ValueError(f"{cls.__name__}: port {name!r:.100} is no lower-case word")


def component(module: str, cls: type[Component]) -> dict[str, Any]:
    _check_calls(cls, ("open", "process", "process_sets", "produce", "tick", "on_control", "close"))
    _check_types(cls, {"source": bool, "ticks": bool})
    _check_number(cls, "period_ms", 1)
    _check_number(cls, "latency_ms", 0, whole=False)
    _check_ports(cls)
    for attribute, allowed in (("policy", ("immediate", "latest", "aligned", "micro_turn")),
                               ("scope", ("session", "shared"))):
        if getattr(cls, attribute) not in allowed:
            raise ValueError(f"{cls.__name__}.{attribute}: {getattr(cls, attribute)!r} is none of "
                             f"{', '.join(allowed)}")
    for policy in cls.policies:
        if policy not in ("immediate", "latest", "aligned", "micro_turn"):
            raise ValueError(f"{cls.__name__}.policies: {policy!r:.100} is none of immediate, latest, aligned, "
                             "micro_turn")
    return {
        "type": f"python.{module}.{cls.__name__}",
        "summary": summary(cls),
        "scope": cls.scope, "source": cls.source, "ticks": cls.ticks, "blocking": True,
        "period_ms": int(cls.period_ms), "latency_ms": cls.latency_ms,
        "policies": [cls.policy, *(p for p in cls.policies if p != cls.policy)],
        "inputs": [p.manifest(n, True) for n, p in cls.inputs.items()],
        "outputs": [p.manifest(n, False) for n, p in cls.outputs.items()],
        "config": [s.manifest() for s in settings_of(cls)],
    }


def _schema(hint: Any, owner: str) -> dict[str, Any]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        inner = _schema(args[0], owner)
        docs = [a for a in args[1:] if isinstance(a, str)]
        return {**inner, "description": docs[0]} if docs else inner
    if origin is Literal:
        return {"enum": list(args)}
    if origin in (typing.Union, types.UnionType):
        rest = [a for a in args if a is not type(None)]
        return _schema(rest[0], owner) if len(rest) == 1 else {"anyOf": [_schema(a, owner) for a in rest]}
    if origin is list:
        return {"type": "array", "items": _schema(args[0], owner)}
    if hint not in _SCHEMAS:
        raise TypeError(f"{owner}: an argument is annotated with str, int, float, bool, list, dict, "
                        f"Literal or one of these or None, not {hint!r}")
    return dict(_SCHEMAS[hint])


def parameters(cls: type[Tool]) -> dict[str, Any]:
    """The JSON schema of what `call` takes."""
    hints = typing.get_type_hints(cls.call, include_extras=True)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, parameter in list(inspect.signature(cls.call).parameters.items())[1:]:
        owner = f"{cls.__name__}.call({name})"
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"{owner}: arguments have names; no *args and **kwargs")
        properties[name] = _schema(hints.get(name, str), owner)
        if parameter.default is parameter.empty:
            required.append(name)
    out: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        out["required"] = required
    return out


def tool(cls: type[Tool]) -> dict[str, Any]:
    _check_calls(cls, ("open", "call", "arguments_for"))
    _check_types(cls, {"network": bool, "name": str})
    _check_number(cls, "time_limit_ms", 1)
    _check_number(cls, "max_result_bytes", 1, bits=63)  # who sets none takes sys.maxsize
    name = tool_name(cls)
    if not _WORD.fullmatch(name):
        raise ValueError(f"{cls.__name__}: a tool's name is one lower-case word, not {name!r}")
    return {
        "name": name, "class": cls.__name__, "summary": summary(cls), "parameters": parameters(cls),
        "time_limit_ms": int(cls.time_limit_ms), "max_result_bytes": int(cls.max_result_bytes),
        "network_hosts": ["*"] if cls.network else [],
        "knows_tasks": cls.arguments_for is not Tool.arguments_for,
    }


def manifest(path: str, library: str) -> dict[str, Any]:
    module = load(path)
    parts = [component(module.__name__, c) for c in classes(module, Component)]
    tools = [tool(c) for c in classes(module, Tool)]
    if not parts and not tools:
        raise ValueError(f"{path}: no class derives from hocket.Component or hocket.Tool")
    return {"hocket_manifest": 1, "library": library, "components": parts, "tools": tools}
