#!/usr/bin/env python3
"""`hocket train lora`: a recipe, a curve that falls, and a resumed run that ends with the same bytes."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import tiny_model

HOCKET = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "build/hocket"

ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")


class train(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="hocket-train-lora-")
        tiny_model.write(self.path("model"))
        lines = [{"prompt": f"{a} and ", "completion": "the end"} for a in "abcdefgh"]
        lines += [{"messages": [{"role": "user", "content": a}, {"role": "assistant", "content": "in the"}]} for a in "xy"]
        self.write("data.jsonl", "\n".join(json.dumps(x) for x in lines))
        self.write("held.jsonl", json.dumps({"prompt": "z and ", "completion": "the end"}))

    def tearDown(self):
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)

    def run_it(self, *args, code=0, recipe="", steps=12, rank=4):
        self.write("r.yaml", f"model: {self.path('model')}\ndata: {self.path('data.jsonl')}\n"
                             f"validation: {self.path('held.jsonl')}\nsteps: {steps}\nbatch: 4\nlearning_rate: 0.01\n"
                             f"save_every: 2\neval_every: 3\nrank: {rank}\n" + recipe)
        done = subprocess.run([HOCKET, "train", "lora", self.path("r.yaml"), *args], capture_output=True, text=True,
                              timeout=300, env=ENVIRONMENT)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def test_a_recipe_and_a_resumed_one(self):
        self.run_it("--out", self.path("a"))
        with open(self.path("a/curve.csv")) as f:
            rows = list(csv.DictReader(f))
        self.assertEqual([r["step"] for r in rows], ["3", "6", "9", "12"])
        self.assertLess(float(rows[-1]["loss"]), float(rows[0]["loss"]))
        self.assertLess(float(rows[-1]["validation"]), float(rows[0]["validation"]))
        config = json.loads(self.read("a/adapter_config.json"))
        self.assertEqual((config["r"], config["lora_alpha"]), (4, 32))
        card = json.loads(self.read("a/card.json"))
        self.assertEqual(card["weights"]["sha256"], hashlib.sha256(self.read("a/adapter_model.safetensors")).hexdigest())
        self.assertEqual(card["data"]["sources"][0]["sha256"], hashlib.sha256(self.read("data.jsonl")).hexdigest())
        self.assertEqual((card["recipe"]["rank"], card["recipe"]["steps_done"]), (4, 12))
        self.assertIn(card["base_model"]["sha256"], self.read("a/README.md").decode())
        self.assertIn(b"<svg", self.read("a/curve.svg"))
        self.assertTrue(self.read("a/curve.png").startswith(b"\x89PNG"))

    def test_a_checkpoint_of_another_recipe_is_refused(self):
        self.run_it("--out", self.path("a"), steps=2)
        self.assertIn("another `r` (4, and the recipe says 2)",
                      self.run_it("--out", self.path("a"), "--resume", code=2, steps=4, rank=2))

    def test_a_resumed_run_with_other_data_is_refused(self):
        begun = "licence: CC0-1.0\nconsent: own voice\n"
        self.run_it("--out", self.path("a"), steps=2, recipe=begun)
        again = lambda recipe, code: self.run_it("--out", self.path("a"), "--resume", code=code, steps=4, recipe=recipe)
        self.assertIn("another `licence` (\"CC0-1.0\", and now it is \"MIT\")",
                      again("licence: MIT\nconsent: own voice\n", 2))
        self.assertIn("another `consent`", again("licence: CC0-1.0\n", 2))
        for name, key in (("data.jsonl", "data"), ("held.jsonl", "validation")):
            was = self.read(name).decode()
            self.write(name, was + "\n" + json.dumps({"prompt": "w and ", "completion": "the end"}))
            self.assertIn(f"another `{key}`", again(begun, 2))
            self.write(name, was)
        again(begun, 0)

    def test_a_ledger_keeps_the_card(self):
        ledger = self.path("book.db")
        self.run_it("--out", self.path("a"), recipe=f"ledger: {ledger}\nname: tales\nlicence: CC0-1.0\n", steps=2)
        ask = lambda *args: subprocess.run([HOCKET, *args, "--ledger", ledger], capture_output=True, text=True, timeout=300)
        card = json.loads(ask("card", "tales").stdout)
        self.assertEqual(card["data"]["licence"], "CC0-1.0")
        found = {e["what"]: e for e in card["evaluations"]}
        self.assertAlmostEqual(found["validation"]["scores"]["validation"],
                               found["validation loss"]["before"] - found["validation loss"]["after"])
        judged = subprocess.run([HOCKET, "eval", "background", "--planner", "language", "--model", self.path("model"), "--cases", "2",
                                 "--adapter", self.path("a"), "--ledger", ledger, "--json"], capture_output=True, text=True,
                                timeout=120, env=ENVIRONMENT)
        self.assertEqual(judged.returncode, 0, judged.stdout + judged.stderr)
        for of in (json.loads(ask("card", "tales").stdout), json.loads(self.read("a/card.json"))):
            scores = [e["scores"] for e in of["evaluations"] if e["what"].startswith("hocket eval background")]
            self.assertEqual([set(s) for s in scores], [{"background.pass1", "background.f1", "background.exact_arguments"}])
        self.assertEqual(ask("audit", "verify").returncode, 0)
        out = ask("card", "tales", "--export", self.path("out"), "--from", self.path("a"))
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertEqual(self.read("out/adapter_model.safetensors"), self.read("a/adapter_model.safetensors"))
        seal = self.read("book.db.seal")
        self.assertEqual(ask("incident", "open", "tales", "--reason", "it lies").returncode, 0)
        after = self.read("book.db.seal")
        with open(ledger + ".seal", "wb") as f:
            f.write(seal)  # as kill -9 between the ledger and its seal leaves it
        self.assertEqual(ask("audit", "verify").returncode, 3)
        with open(ledger + ".seal", "wb") as f:
            f.write(after)
        out = ask("card", "tales", "--export", self.path("out2"), "--from", self.path("a"))
        self.assertEqual((out.returncode, "an incident froze it" in out.stderr), (1, True))
        with open(ledger, "r+b") as f:
            f.seek(9000)
            byte = f.read(1)
            f.seek(9000)
            f.write(bytes([byte[0] ^ 1]))
        out = ask("audit", "verify")
        self.assertEqual((out.returncode, "page 3 " in out.stdout), (1, True), out.stdout)

    def test_what_would_stop_the_card_is_told_before_the_training(self):
        os.mkdir(self.path("a"))
        self.write("a/README.md", "# My project\n")
        self.assertIn("a/README.md is there", self.run_it("--out", self.path("a"), code=2))
        self.assertEqual(self.read("a/README.md"), b"# My project\n")
        self.write("notes.txt", "no ledger\n" * 500)
        self.assertIn("notes.txt", self.run_it("--out", self.path("b"), code=2,
                                               recipe=f"ledger: {self.path('notes.txt')}\n"))
        for folder in "ab":
            self.assertFalse(os.path.exists(self.path(folder + "/curve.csv")))
        self.run_it("--out", self.path("c"), steps=2, recipe='source: "a bell: \\x07"\n')
        self.assertEqual(json.loads(self.read("c/card.json"))["recipe"]["steps_done"], 2)

    def test_killed_in_the_middle_it_ends_with_the_same_bytes(self):
        self.run_it("--out", self.path("a"), steps=300)
        command = [HOCKET, "train", "lora", self.path("r.yaml"), "--out", self.path("b"), "--json"]
        for _ in range(10):  # until the kill comes in the middle
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as cut:
                cut.stdout.readline()  # step 3 is done, and the checkpoint of step 2 is written
                cut.kill()
            with open(self.path("b/curve.csv")) as f:
                reached = int(list(csv.DictReader(f))[-1]["step"])
            if reached < 300:
                break
            shutil.rmtree(self.path("b"))
        self.assertLess(reached, 300)
        self.run_it("--out", self.path("b"), "--resume", steps=300)
        self.assertEqual(self.read("a/adapter_model.safetensors"), self.read("b/adapter_model.safetensors"))

    def test_what_is_wrong_is_named(self):
        self.assertIn("parts: unknown part `mlp`", self.run_it(code=2, recipe="parts: [mlp]\n"))
        self.assertIn("rnak", self.run_it(code=2, recipe="rnak: 3\n"))
        self.write("data.jsonl", '{"prompt": "a", "completion": "b"}\n{"question": 1}\n')
        self.assertIn("data.jsonl:2: it needs messages, segments, prompt and completion, or text", self.run_it(code=2))


if __name__ == "__main__":
    unittest.main()
