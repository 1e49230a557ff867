#!/usr/bin/env python3
"""python_parts.py HOCKET SOURCE: components and tools in Python, by the command line alone."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HOCKET, SOURCE = sys.argv[1], Path(sys.argv[2])
sys.argv[1:] = []
HERE = Path(__file__).parent
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
os.environ["HOCKET_PYTHON"] = PYTHON
sys.path[:0] = [str(HERE), str(SOURCE / "plugins/python")]


def hocket(*words, cwd=None, env=None):
    out = subprocess.run([HOCKET, *map(str, words)], cwd=cwd, env={**os.environ, **(env or {})},
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    return out.returncode, out.stdout + out.stderr


class InAFolder(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        shutil.copy(HERE / "unruly.py", self.folder)

    def graph(self, actors, name="g.yaml"):
        file = self.folder / name
        file.write_text(f"hocket: 1\nname: g\nactors:\n{actors}")
        return file

    def run_graph(self, file, *more):
        out = self.folder / "out"
        code, said = hocket("run", file, "--plugin", self.folder / "unruly.py", "--virtual", "--out", out,
                            "--no-picture", *more)
        events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
        return code, said, events


class New(InAFolder):
    def test_a_new_tool_runs(self):
        code, said = hocket("new", "tool", "word_count", "--python", cwd=self.folder)
        self.assertEqual(code, 0, said)
        made = self.folder / "word_count"
        env = {"PYTHONPATH": str(SOURCE / "plugins/python")}
        tests = subprocess.run([PYTHON, "-m", "unittest"], cwd=made, env={**os.environ, **env},
                               capture_output=True, text=True)
        self.assertIn("Ran 2 tests", tests.stderr)
        self.assertEqual(tests.returncode, 0, tests.stderr)
        # Looking runs nothing; a run does, where the operator names the file.
        marker = self.folder / "ran"
        text = (made / "word_count.py").read_text()
        (made / "word_count.py").write_text(text + f"\nimport sys; sys.stderr.write('LOADED\\n')\n")
        code, said = hocket("validate", "word_count.yaml", cwd=made)
        self.assertEqual(code, 0, said)
        self.assertNotIn("LOADED", said)
        self.assertIn("not checked", said)
        self.assertFalse(marker.exists())
        code, said = hocket("run", "word_count.yaml", "--virtual", cwd=made)
        self.assertEqual(code, 2, said)
        self.assertIn("word_count.py", said)
        self.assertIn("--plugin", said)
        code, said = hocket("run", "word_count.yaml", "--plugin", "word_count.py", "--virtual", cwd=made)
        self.assertEqual(code, 0, said)
        self.assertIn("hello", said)
        # With a manifest the commands that only look know it all.
        code, said = hocket("run", "--manifest", "word_count.py", cwd=made)
        self.assertEqual(code, 0, said)
        code, said = hocket("validate", "word_count.yaml", cwd=made)
        self.assertNotIn("not checked", said)
        code, said = hocket("describe", "python.word_count.Ask", "--plugin", "word_count.py", cwd=made)
        self.assertIn("Hands each line to the background", said)

    def test_a_new_component_runs(self):
        code, said = hocket("new", "component", "gain", "--python", cwd=self.folder)
        self.assertEqual(code, 0, said)
        made = self.folder / "gain"
        code, said = hocket("run", "gain.yaml", "--plugin", "gain.py", "--virtual", cwd=made)
        self.assertEqual(code, 0, said)
        self.assertTrue((made / "out/gain.wav").exists())

    def test_the_example(self):
        example = SOURCE / "plugins/python/examples"
        code, said = hocket("run", example / "forecast.yaml", "--plugin", example / "forecast.py", "--virtual",
                            "--out", self.folder / "out")
        self.assertEqual(code, 0, said)
        self.assertIn("rain and eleven", said)
        self.assertIn("sunny and thirty", said)


class Errors(InAFolder):
    def broken(self, text, env=None):
        (self.folder / "mine.py").write_text(text)
        file = self.graph("  a: {component: python.mine.A, inputs: {words: k.text}}\n"
                          "  k: {component: text.console, script: [\"0.1 x\"]}\n")
        code, said = hocket("run", file, "--plugin", self.folder / "mine.py", "--virtual",
                            "--out", self.folder / "out", env=env)
        self.assertEqual(code, 2, said)
        return said

    def test_told(self):
        self.assertIn("python.no_interpreter", self.broken("x = 1", {"HOCKET_PYTHON": "/nowhere/python3"}))
        for words, code in (("hocket needs Python 3.11 or newer, and this is 3.9", "python.old_version"),
                            ("python3: No module named hocket", "python.no_package")):
            other = self.folder / "other_python"
            other.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 3\n")
            other.chmod(0o755)
            self.assertIn(code, self.broken("x = 1", {"HOCKET_PYTHON": str(other)}))
        said = self.broken("import not_there_at_all\n")
        self.assertIn("No module named 'not_there_at_all'", said)
        self.assertIn("mine.py:1", said)
        self.assertIn(".venv", said)
        self.assertIn("SyntaxError", self.broken("class A(:\n"))
        self.assertIn("no class derives", self.broken("x = 1\n"))
        self.assertIn("died in describe: exit code 9", self.broken("import os; os._exit(9)\n"))
        component = ("import hocket\nclass A(hocket.Component):\n  inputs = {'words': hocket.port(hocket.Text)}\n"
                     "  n: int = hocket.setting(1, 'n', max=3)\n")
        self.assertIn("a setting is annotated", self.broken(component.replace(": int", ": set")))
        self.assertIn("no lower-case word", self.broken(component.replace("'words'", "'Words'")))
        said = self.broken(component + "  async def process(self, port, packet): pass\n")
        self.assertIn("A.process: nobody awaits it", said)
        # A child that says what it likes is told by its own file, with nothing to write anew.
        said = self.broken(component + "import hocket._describe as d\nd.component = lambda *_: {'type': 5}\n")
        self.assertIn("mine.py: what it declares cannot be read", said)

    def test_a_graphs_mistakes_are_found_like_any_other(self):
        (self.folder / "mine.py").write_text(
            "import hocket\nclass A(hocket.Component):\n  inputs = {'words': hocket.port(hocket.Text)}\n"
            "  n: int = hocket.setting(1, 'n', max=3)\n")
        file = self.graph("  a: {component: python.mine.A, n: 4, m: 1, inputs: {word: k.text}}\n"
                          "  k: {component: text.console, script: [\"0.1 x\"]}\n")
        code, said = hocket("run", file, "--plugin", self.folder / "mine.py", "--out", self.folder / "out")
        self.assertEqual(code, 2, said)
        for part in ("config.range", "config.unknown-key", "did you mean `words`", "g.yaml:4:"):
            self.assertIn(part, said)


class Misbehaving(InAFolder):
    def test_components(self):
        import unruly
        self.assertGreaterEqual(len(unruly.WAYS), 50)
        rows = ["  k: {component: text.console, print: false, script: ["
                + ", ".join(f'"0.{i} w{i}"' for i in range(1, 7)) + "]}\n"]
        for how in unruly.WAYS:
            # Only what hangs meets its limit, however slow the machine; opening has six times as long.
            limit_ms = 3000 if unruly.WAYS[how][1] == "did not come back" else 120000
            rows.append(f"  r_{how}: {{component: python.unruly.Unruly, how: {how}, watchdog_ms: {limit_ms}, "
                        "process: {memory_mb: 256}, restart: {policy: never, then: continue}, "
                        "inputs: {words: k.text}}\n"
                        f"  s_{how}: {{component: text.console, print: false, inputs: {{text: r_{how}.words}}}}\n")
        code, said, events = self.run_graph(self.graph("".join(rows)))
        self.assertEqual(code, 0, said)
        self.assertNotIn("law_broken", said)
        for how, (_, expected) in unruly.WAYS.items():
            with self.subTest(how):
                failed = " ".join(e.get("text", "") for e in events
                                  if e.get("actor") == f"r_{how}" and e.get("role") == "failed")
                self.assertIn(expected, failed)
                self.assertNotIn("REACHED", failed)
                self.assertNotIn("\x1b", failed)
                self.assertEqual(failed == "", expected == "", failed)

    def test_tools(self):
        import unruly
        ways = [w for w, (act, _) in unruly.WAYS.items() if act is not None and w not in ("stop", "deadlock", "loop")]
        tasks = [f"rogue {w}" for w in ways] + ["rogue fine"]
        script = ", ".join(f'"{0.5 + i:.1f} {t}"' for i, t in enumerate(tasks))
        code, said, events = self.run_graph(self.graph(
            f"  keys: {{component: text.console, script: [{script}], print: false}}\n"
            "  ask:  {component: python.unruly.Ask, inputs: {words: keys.text}}\n"
            "  mind: {component: background.agent, tools: [rogue], inputs: {requests: ask.delegations}}\n"
            "  screen: {component: text.console, inputs: {text: mind.results}}\n"
            "  log: {component: record.events, file: tools.jsonl, pii.text: true, "
            "inputs: {tool_results: mind.tool_results}}\n"))
        self.assertEqual(code, 0, said)
        self.assertIn("all is well", said)
        self.assertNotIn("law_broken", said)


    def test_a_question_and_its_call_meet_one_process(self):
        """Its start takes none of the call's limit, in whichever time the graph runs."""
        (self.folder / "lives.py").write_text(
            "import os\nfrom typing import Any\nimport hocket\nLIFE = os.urandom(8).hex()\n"
            "class Lives(hocket.Tool):\n"
            "    \"\"\"Says whether it was asked and called in one process.\"\"\"\n"
            "    name = 'lives'\n"
            "    time_limit_ms = 60000\n"
            "    def call(self, life: str) -> str:\n"
            "        return f'{life == LIFE} {self.is_virtual}'\n"
            "    def arguments_for(self, task: str) -> dict[str, Any] | None:\n"
            "        return {'life': LIFE} if task == 'lives' else None\n")
        code, said, _ = self.run_graph(self.graph(
            "  keys: {component: text.console, script: [0.5 lives, 1.5 lives], print: false}\n"
            "  ask:  {component: python.unruly.Ask, inputs: {words: keys.text}}\n"
            "  mind: {component: background.agent, tools: [lives], time_limit_ms: 60000, "
            "inputs: {requests: ask.delegations}}\n"
            "  log: {component: record.events, file: tools.jsonl, pii.text: true, "
            "inputs: {tool_results: mind.tool_results}}\n"), "--plugin", self.folder / "lives.py")
        self.assertEqual(code, 0, said)
        told = [json.loads(line) for line in (self.folder / "out/tools.jsonl").read_text().splitlines()]
        self.assertEqual([t["content"] for t in told if "content" in t], ["True True"] * 2, told)


class Arrays(InAFolder):
    def test_they_cross(self):
        file = self.graph(
            "  tones:  {component: python.unruly.Tones}\n"
            "  louder: {component: python.unruly.Louder, inputs: {audio: tones.audio}}\n"
            "  sums:   {component: python.unruly.Sums, inputs: {a: louder.audio, b: louder.same}}\n"
            "  screen: {component: text.console, inputs: {text: sums.words}}\n")
        said_twice = []
        for _ in range(2):
            code, said, _ = self.run_graph(file)
            self.assertEqual(code, 0, said)
            said_twice.append([line for line in said.splitlines() if line.split()[:1] and line.split()[-1].isdigit()
                               and len(line.split()) <= 3])
        self.assertEqual(said_twice[0], said_twice[1])
        words = " ".join(said_twice[0])
        for n in range(20):
            self.assertIn(f"{65536 * n / 16:.0f} {65536 * n / 32:.0f}", words)


if __name__ == "__main__":
    unittest.main()
