#!/usr/bin/env python3
"""An adapter of the interaction model: trained by the command, taken by a graph."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HOCKET, SOURCE = os.path.abspath(sys.argv.pop(1)), os.path.abspath(sys.argv.pop(1))
RECIPE = """out: {out}
from: {source}/configs/models/duplex
seconds: 4
families: [delegate]
steps: {steps}
warmup_steps: 0
decay_steps: 0
batch: 1
slips: 0
log_every: 1
adapter: {{name: tiny, rank: {rank}, rate: {rate}}}
"""


class adapter(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="hocket-adapter-")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def run_it(self, *words, code=0):
        p = subprocess.run([HOCKET, *words], cwd=SOURCE, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           env=dict(os.environ, OMP_WAIT_POLICY="passive"), timeout=600)
        self.assertEqual(p.returncode, code, p.stdout)
        return p.stdout

    def recipe(self, name, rate, steps=1, rank=4):
        path, out = os.path.join(self.folder, name + ".yaml"), os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(RECIPE.format(out=out, source=SOURCE, rate=rate, steps=steps, rank=rank))
        return path, out

    def talk(self, name, *more, code=0):
        out = os.path.join(self.folder, name)
        said = self.run_it("run", "configs/graphs/talk.yaml", "--virtual", "--out", out, *more, code=code)
        if code:
            return said
        with open(os.path.join(out, "model.wav"), "rb") as f:
            return said, hashlib.sha256(f.read()).hexdigest()

    def governed(self, learnt, plain):
        """Through the gates of a ledger: no card, a card, an incident."""
        ledger = os.path.join(self.folder, "governed", "book.db")
        named = ["--set", "actors.model.adapter=" + learnt, "--set", "actors.model.ledger=book.db"]
        self.assertIn("it has no card", self.talk("governed", *named, code=1))
        recipe = self.recipe("moved", 0.01)[0]
        with open(recipe) as f:
            text = f.read()
        with open(recipe, "w") as f:
            f.write(text.replace("rate: 0.01", "rate: 0.01, ledger: " + ledger))
        self.run_it("train", recipe)
        said, other = self.talk("governed", *named)
        self.assertIn("adapter from now on: tiny", said)
        self.assertNotEqual(other, plain)
        gates = [json.loads(x) for x in self.run_it("audit", "list", "--json", "--ledger", ledger).splitlines()]
        passed = [g["body"]["gate"] for g in gates if g["kind"] == "gate" and g["body"]["passed"]]
        self.assertEqual(passed, ["load", "serve"])
        self.run_it("incident", "open", "tiny", "--reason", "it lies", "--ledger", ledger)
        said, same = self.talk("governed", *named)
        self.assertIn("adapter tiny is frozen by an incident", said)
        self.assertEqual(same, plain)

    def test_a_graph_takes_what_was_trained(self):
        still, nothing = self.recipe("still", 0)
        moved, learnt = self.recipe("moved", 0.01)
        self.run_it("train", still)
        self.run_it("train", moved)
        with open(os.path.join(learnt, "card.json")) as f:
            card = json.load(f)
        self.assertEqual(card["name"], "tiny")
        self.assertEqual(card["data"]["consent"], "no persons")
        recipe = card["recipe"]
        self.assertEqual((recipe["steps"], recipe["seconds"], recipe["field_ramp_steps"]), (1, 4, 0), recipe)
        _, plain = self.talk("plain")
        # One that did not move is zero: the same bits. One that did is heard.
        said, same = self.talk("zero", "--set", "actors.model.adapter=" + nothing)
        self.assertIn("adapter from now on: tiny", said)
        self.assertEqual(same, plain)
        self.assertNotEqual(self.talk("other", "--set", "actors.model.adapter=" + learnt)[1], plain)
        self.governed(learnt, plain)
        # On from where it was, and as nothing else.
        self.run_it("train", self.recipe("moved", 0.01, steps=2)[0], "--resume")
        said = self.run_it("train", self.recipe("moved", 0.01, rank=8)[0], "--resume", code=2)
        self.assertIn("was begun with another `r`", said)
        said = self.run_it("train", self.recipe("moved", 0.02, steps=3)[0], "--resume", code=2)
        self.assertIn("was begun with another `rate`", said)
        ramp = self.recipe("moved", 0.01, steps=3)[0]
        with open(ramp, "a") as f:
            f.write("field_ramp_steps: 10\n")
        said = self.run_it("train", ramp, "--resume", code=2)
        self.assertIn("was begun with another `field_ramp_steps`", said)
        voice = self.recipe("moved", 0.01)[0]
        with open(voice, "a") as f:
            f.write("only_voice: true\n")
        self.assertIn("`only_voice` is of a whole model's training", self.run_it("train", voice, code=2))
        # What does not fit is named before anything is said.
        config = os.path.join(learnt, "adapter_config.json")
        with open(config) as f:
            wrong = json.load(f)
        wrong["r"] = 2
        with open(config, "w") as f:
            json.dump(wrong, f)
        said = self.talk("misfit", "--set", "actors.model.adapter=" + learnt, code=1)
        self.assertIn("layers.0.attention.qkv.lora_A.weight is [4, 256], the model needs [2, 256]", said)


if __name__ == "__main__":
    unittest.main()
