#!/usr/bin/env python3
"""configs/graphs/learn.yaml with a tiny model: it gets better, repeatably, and is taken back where it does not."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HOCKET, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
sys.argv[1:] = sys.argv[3:]
sys.path.insert(0, os.path.join(SOURCE, "tests/integration/tinker"))
import tiny_model  # noqa: E402

ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
EMPTY = {"type": "object", "properties": {}}
TOOLS = [{"name": n, "description": f"The {n}.", "parameters": EMPTY} for n in ("bell", "clock", "door")]


def wants(task, *tools):
    return {"kind": "one", "task": task, "calls": [{"tool": t, "arguments": {}} for t in tools], "answer": "done"}


class learn(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="hocket-learn-")
        tiny_model.write(self.path("model"))
        with open(self.path("model/config.json")) as f:
            config = json.load(f)
        config["max_position_embeddings"] = 4096
        self.write("model/config.json", json.dumps(config))
        # A template that knows no tools: the planner asks in lines.
        self.write("tools.json", json.dumps(TOOLS))
        self.lines("practice.jsonl", [wants(f"time {x}", "clock") for x in "abcd"])
        self.lines("held_out.jsonl", [wants(f"time {x}", "clock") for x in "xyz"])
        self.lines("rest.jsonl", [wants(f"time {x}", "clock") for x in "mn"])

    def tearDown(self):
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)

    def lines(self, name, items):
        self.write(name, "\n".join(json.dumps(x) for x in items))

    def command(self, out, *more):
        params = {"language": "model", "tools": "tools.json", "practice": "practice.jsonl", "held_out": "held_out.jsonl",
                  "rest": "rest.jsonl"}
        command = [HOCKET, "run", os.path.join(SOURCE, "configs/graphs/learn.yaml"), "--out", self.path(out),
                   "--param", "modules=model.*_proj", "--param", "epochs=30", "--param", "min_examples=1",
                   "--set", "actors.learner.learning_rate=0.02", "--set", "actors.learner.max_tokens=4096",
                   "--set", "actors.mind.max_steps=2", *more]
        for name, file in params.items():
            command += ["--param", f"{name}={self.path(file)}"]
        return command

    def run_it(self, out, *more):
        done = subprocess.run(self.command(out, *more), capture_output=True, text=True, timeout=400, env=ENVIRONMENT)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def talk(self, out):
        with open(self.path(out + "/talk.jsonl")) as f:
            return [json.loads(line) for line in f]

    def scores(self, out, which="held_out"):
        return [x[which]["pass1"] for x in self.talk(out) if "evaluation" in x]

    def adapters(self, out):
        return [x["adapter"] for x in self.talk(out) if set(x) == {"adapter", "restored", "at_s"}]

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def test_it_learns_the_same_each_time(self):
        self.run_it("a", "--virtual")
        before, after = self.scores("a")
        self.assertLess(before, 0.5)
        self.assertEqual(after, 1)
        self.assertEqual(self.adapters("a"), ["calls-1"])
        card = json.loads(self.read("a/adapters/calls-1/card.json"))
        self.assertEqual(card["evaluations"][-1]["scores"]["held_out"], 1)
        found = self.measures("a")
        self.assertEqual((found["learn.before"], found["learn.after"]), (before, after))
        self.assertGreaterEqual(found["learn.rest_change"], 0)
        self.assertTrue(self.read("a/learning.png").startswith(b"\x89PNG"))
        ask = lambda *args: subprocess.run([HOCKET, *args, "--ledger", self.path("a/governance.db")], capture_output=True,
                                           text=True, timeout=300)
        self.assertEqual(ask("audit", "verify").returncode, 0)
        self.assertEqual(json.loads(ask("card", "calls-1").stdout)["evaluations"][-1]["scores"]["held_out"], 1)
        self.run_it("b", "--virtual")
        same = "adapters/calls-1/adapter_model.safetensors"
        self.assertEqual(self.read("a/" + same), self.read("b/" + same))

    def test_in_real_time(self):
        self.run_it("a")
        self.assertEqual(self.scores("a")[-1], 1)

    def measures(self, out):
        shown = subprocess.run([HOCKET, "train", "show", self.path(out), "--json"], capture_output=True, text=True, timeout=300)
        return {m["name"]: m["value"] for m in json.loads(shown.stdout)["measures"]}

    def test_what_the_gate_refuses_is_never_talked_with(self):
        self.write("gates.yaml", "swap: {licences: [MIT]}\n")
        told = self.run_it("a", "--virtual", "--set", f"actors.learner.gates={self.path('gates.yaml')}", "--set", "actors.talk.wait_s=20")
        self.assertEqual((len(self.scores("a")), self.adapters("a")), (1, []))
        self.assertIn(b"calls-1 is not swapped in: the licence `Apache-2.0` is none of: MIT", self.read("a/events.jsonl"))
        self.assertFalse(os.path.exists(self.path("a/adapters/calls-1")), told)
        listed = subprocess.run([HOCKET, "audit", "list", "--ledger", self.path("a/governance.db")], capture_output=True, text=True,
                                timeout=300).stdout
        self.assertIn("gate", listed)
        found = self.measures("a")
        self.assertEqual((found["learn.swaps"], "learn.after" in found), (0, False))

    def test_what_makes_the_rest_worse_is_taken_back(self):
        # The rest wants what the model does by itself, practice another tool: what is learnt makes the rest worse.
        self.run_it("probe", "--virtual", "--set", "actors.talk.rounds=0")
        own = {x["task"]: [c["tool"].split(".")[-1] for c in x["called"]] for x in self.talk("probe") if x.get("set") == "rest"}
        self.assertEqual(len(own), 2)
        other = next(t["name"] for t in TOOLS if all(t["name"] not in tools for tools in own.values()))
        self.lines("rest.jsonl", [wants(task, *tools) for task, tools in own.items()])
        for name, letters in (("practice", "abcd"), ("held_out", "xyz")):
            self.lines(name + ".jsonl", [wants(f"time {x}", other) for x in letters])
        self.run_it("a", "--virtual")
        self.assertEqual(self.scores("a", "rest")[0], 1)
        self.assertLess(self.scores("a", "rest")[1], 1)
        self.assertIn(b"calls-1 is taken back (rest fell from", self.read("a/events.jsonl"))
        self.assertEqual(self.adapters("a"), ["calls-1", ""])
        found = self.measures("a")
        self.assertEqual((found["learn.swaps"], found["learn.taken_back"]), (1, 1))
        self.assertLess(found["learn.rest_change"], 0)


if __name__ == "__main__":
    unittest.main()
