#!/usr/bin/env python3
"""What nobody could use is refused by name, where it is declared; the package itself is typed."""

import importlib.util
import json
import subprocess
import sys
import tempfile
import types
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hocket import Component, Harness, Text, Tool, port, setting  # noqa: E402
from hocket import _describe  # noqa: E402


class ThePackage(unittest.TestCase):
    ROOT = Path(__file__).parents[1]

    def test_an_older_interpreter_is_told_before_anything_else(self):
        told = subprocess.run([sys.executable, "-c", "import sys; sys.version_info = (3, 10, 9); import hocket"],
                              cwd=self.ROOT, capture_output=True, text=True)
        self.assertEqual(told.returncode, 3, told.stderr)
        self.assertIn("hocket needs Python 3.11 or newer", told.stderr)
        self.assertIn("is 3.10", told.stderr)

    @unittest.skipUnless(importlib.util.find_spec("mypy"), "mypy is not installed")
    def test_a_type_checker_finds_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            for what in (["hocket"], ["--strict", "--follow-imports=silent", "examples/forecast.py"]):
                told = subprocess.run([sys.executable, "-m", "mypy", "--cache-dir", folder, *what],
                                      cwd=self.ROOT, capture_output=True, text=True)
                self.assertEqual(told.returncode, 0, told.stdout)


class Refused(unittest.TestCase):
    def test_what_no_run_could_use_is_refused_by_name(self):
        async def awaited(self, *_): ...
        def yields(self, *_): yield
        port_of = {"words": port(Text)}
        for attributes, said in (
            ({"process": awaited}, "process: nobody awaits"), ({"open": awaited}, "open: nobody awaits"),
            ({"process": yields}, "process: nobody takes what it yields"), ({"close": None}, "close: it is called"),
            ({"inputs": ["words"]}, "inputs: take names and ports"), ({"outputs": None}, "outputs: take names"),
            ({"inputs": {"words": None}}, "inputs: take names"), ({"outputs": {"Words": port(Text)}}, "lower-case word"),
            ({"outputs": {f"p{i}": port(Text) for i in range(1025)}}, "1025 ports"),
            ({"period_ms": 0}, "period_ms: 0 is not from 1"), ({"period_ms": float("nan")}, "period_ms: nan is no whole"),
            ({"period_ms": True}, "period_ms: True is no whole"), ({"period_ms": 16.7}, "16.7 is no whole number"),
            ({"period_ms": 1 << 70}, "is not from 1"), ({"period_ms": float("inf")}, "period_ms: inf is no whole"),
            ({"latency_ms": float("nan")}, "latency_ms: nan"), ({"latency_ms": -1}, "latency_ms: -1"),
            ({"source": "yes"}, "source: 'yes' is no bool"), ({"policies": ("x",)}, "policies: 'x'"),
        ):
            with self.subTest(said), self.assertRaisesRegex((TypeError, ValueError), said):
                Harness(type("Bad", (Component,), {"inputs": port_of, **attributes}))
        for attributes, said in (
            ({"call": awaited}, "call: nobody awaits"), ({"call": yields}, "call: nobody takes"),
            ({"time_limit_ms": -1}, "time_limit_ms: -1"), ({"max_result_bytes": 1 << 63}, "max_result_bytes"), ({"max_result_bytes": 0}, "max_result_bytes"),
            ({"name": 5}, "name: 5 is no str"), ({"network": "example.org"}, "network: 'example.org' is no bool"),
        ):
            with self.subTest(said), self.assertRaisesRegex((TypeError, ValueError), said):
                _describe.tool(type("Bad", (Tool,), {"call": lambda self: "", **attributes}))

    def test_defaults_are_such_as_a_graph_could_say(self):
        for kind, made, said in (
            (int, setting("x", "n"), "'x' is not an integer"), (float, setting(float("nan"), "n"), "no finite number"),
            (int, setting(5, "n", min=9, max=1), "is outside 9 to 1"), (int, setting(1 << 90, "n"), "64 bits"),
            (str, setting("c", "n", choices=["a", "b"]), "none of a, b"), (list[float], setting([1.0, "x"], "n"), "list of numbers"),
        ):
            with self.subTest(said), self.assertRaisesRegex(ValueError, said):
                Harness(type("Bad", (Component,), {"n": made, "__annotations__": {"n": kind}}))
        for name in ("emit", "context", "period_ms", "now", "_outputs"):
            with self.subTest(name), self.assertRaisesRegex((TypeError, ValueError), "of its own|is no whole number"):
                Harness(type("Bad", (Component,), {name: setting(1, "n"), "__annotations__": {name: int}}))

    def test_what_a_run_can_use_is_not_refused(self):
        """What authors write that is unusual and was always understood."""
        class Odd(Component):
            inputs = types.MappingProxyType({"words": port(Text)})
            period_ms = 1000 / 50
            latency_ms = 12.5
            count: int = setting(3, "how many")
            log: bool = setting(False, "whether")

        self.assertEqual(_describe.component("m", Odd)["period_ms"], 20)
        self.assertIsInstance(_describe.component("m", Odd)["period_ms"], int)
        odd = Harness(Odd).component
        self.assertEqual((odd.count, odd.log), (3, False))

        class Long(Tool):
            time_limit_ms = 6e4
            max_result_bytes = sys.maxsize
            def call(self, words: str) -> str: return words

        told = _describe.tool(Long)
        self.assertEqual((told["time_limit_ms"], told["max_result_bytes"]), (60000, sys.maxsize))

    def test_a_docstring_of_anything_is_clean_text(self):
        for doc in (5, "\udcff", None):
            odd = type("Odd", (Component,), {})
            odd.__doc__ = doc
            json.dumps(_describe.component("m", odd)).encode()


if __name__ == "__main__":
    unittest.main()
