#!/usr/bin/env python3
"""`trainer.lora` and `hocket train lora` train at `hocket serve tinker`: what comes back is what they train here."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

import server  # takes the program from the arguments
import tiny_model
from server import HOCKET, MODEL, client

ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", OMP_WAIT_POLICY="passive")
GRAPH = """hocket: 1
name: at_service
clock: {micro_turn_ms: 200}
actors:
  file: {component: trainer.examples, file: FOLDER/data.jsonl}
  held: {component: trainer.examples, file: FOLDER/held.jsonl}
"""
LEARNER = """  by_BATCH:
    component: trainer.lora
    watchdog_ms: 120000
    inputs: {examples: file.examples, validation: held.examples}
    model: FOLDER/WORDS
    out: by-BATCH
    epochs: 2
    rank: 4
    min_examples: 1
    learning_rate: 0.01
    weight_decay: 0.01
    batch: BATCH
    SERVICE
"""
BATCHES = (1, 3)


def tensors(path):
    """Every tensor of a safetensors file in fp32."""
    with open(path, "rb") as f:
        data = f.read()
    n = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + n])
    out = {}
    for name, t in head.items():
        if name != "__metadata__":
            a, b = t["data_offsets"]
            out[name] = struct.unpack(f"<{(b - a) // 4}f", data[8 + n + a:8 + n + b])
    return out


class at_service(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="hocket-at-service-")
        tiny_model.write(cls.path("model"))
        # Of a model that only the service has, its words are here.
        os.mkdir(cls.path("words"))
        for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
            shutil.copy(cls.path("model/" + name), cls.path("words"))
        lines = [{"prompt": f"{a} and ", "completion": "the end"} for a in "abcdef"]
        for name, some in (("data", lines), ("held", [{"prompt": "z and ", "completion": "the end"}])):
            with open(cls.path(name + ".jsonl"), "w") as f:
                f.write("\n".join(json.dumps(x) for x in some))
        cls.s = server.server(cls.folder)

    @classmethod
    def tearDownClass(cls):
        if cls.s.process.poll() is None:
            cls.s.end()
        shutil.rmtree(cls.folder)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    def run_it(self, out, batches=(1,), service="", code=0, key="tml-test-one"):
        text = GRAPH + "".join(LEARNER.replace("BATCH", str(n)) for n in batches)
        text = text.replace("FOLDER", self.folder).replace("SERVICE", service)
        graph = self.path(out + ".yaml")
        with open(graph, "w") as f:
            f.write(text.replace("WORDS", "words" if service else "model"))
        done = subprocess.run([HOCKET, "run", graph, "--virtual", "--out", self.path(out)], capture_output=True, text=True,
                              timeout=300, env=dict(ENVIRONMENT, HOCKET_TEST_SERVICE_KEY=key))
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def service(self):
        return ("service: {base_url: \"" + self.s.url + "\", model: " + MODEL +
                ", key_env: HOCKET_TEST_SERVICE_KEY, patience_s: 600}")

    def text(self, name):
        with open(self.path(name)) as f:
            return f.read()

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def test_the_adapter_that_comes_back_is_the_one_that_is_trained_here(self):
        self.run_it("here", BATCHES)
        self.run_it("there", BATCHES, self.service())
        for batch in BATCHES:
            files = [f"{o}/by-{batch}/adapter-1/adapter_model.safetensors" for o in ("here", "there")]
            a, b = (tensors(self.path(f)) for f in files)
            self.assertEqual(a.keys(), b.keys())
            self.assertTrue(any(any(v) for n, v in a.items() if "lora_B" in n))
            worst = max(abs(x - y) for n in a for x, y in zip(a[n], b[n]))
            if batch == 1:
                self.assertEqual(*(self.read(f) for f in files))  # and so every log probability
            else:  # here a batch is summed example by example, there in one pass
                self.assertLess(worst, 1e-4)
            self.assertEqual(*(len(self.text(f"{o}/by-{batch}/curve.csv").splitlines()) for o in ("here", "there")))
        card = json.loads(self.read("there/by-3/adapter-1/card.json"))
        self.assertEqual((card["base_model"]["name"], card["base_model"]["sha256"]), (MODEL, ""))
        self.assertEqual(card["recipe"]["service"], self.s.url)
        self.assertLess(card["evaluations"][0]["after"], card["evaluations"][0]["before"])
        # There what a next round goes on from is kept, and nothing else.
        c = client(self.s)
        self.assertEqual({x["checkpoint_type"] for x in c.ask("GET", "checkpoints")["checkpoints"]}, {"training"})
        for session in c.ask("GET", "sessions")["sessions"]:
            for run in c.ask("GET", f"sessions/{session}")["training_run_ids"]:
                self.refused_as_gone(c, run)

    def recipe(self, out, service="", steps=4, key="tml-test-two"):
        with open(self.path(out + ".yaml"), "w") as f:
            f.write(f"model: {self.path('words' if service else 'model')}\ndata: {self.path('data.jsonl')}\n"
                    f"validation: {self.path('held.jsonl')}\nsteps: {steps}\nbatch: 4\nlearning_rate: 0.01\nrank: 4\n"
                    f"eval_every: 2\nsave_every: 3\n{service}\n")
        return subprocess.Popen([HOCKET, "train", "lora", self.path(out + ".yaml"), "--out", self.path(out), "--json"],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                env=dict(ENVIRONMENT, HOCKET_TEST_SERVICE_KEY=key))

    def ends_well(self, process):
        said, _ = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 0, said)

    def test_a_recipe_trained_there_is_the_one_trained_here(self):
        self.ends_well(self.recipe("a"))
        self.ends_well(self.recipe("b", self.service()))
        self.assertEqual(*(tensors(self.path(f"{o}/adapter_model.safetensors")) for o in "ab"))
        self.assertEqual(*([line.split(",")[:3] for line in self.text(f"{o}/curve.csv").splitlines()] for o in "ab"))
        card = json.loads(self.text("b/card.json"))
        self.assertEqual((card["base_model"]["name"], card["recipe"]["steps_done"]), (MODEL, 4))
        # Of what was saved on the way there is nothing left there.
        self.assertEqual(self.kept("tml-test-two"), ["weights/round-2"])

    def test_a_signal_ends_a_recipe_with_what_was_learnt(self):
        run = self.recipe("c", self.service(), 1_000_000, "tml-test-three")
        self.assertTrue(any('"step"' in line for line in run.stdout))  # up to the first
        run.send_signal(signal.SIGINT)
        self.ends_well(run)
        steps = json.loads(self.text("c/card.json"))["recipe"]["steps_done"]
        self.assertIn(steps, range(2, 1_000_000))
        self.assertTrue(any(any(v) for n, v in tensors(self.path("c/adapter_model.safetensors")).items() if "lora_B" in n))
        self.assertEqual(self.kept("tml-test-three"), [f"weights/round-{1 + steps // 3}"])

    def kept(self, key):
        return [x["checkpoint_id"] for x in client(self.s, key).ask("GET", "checkpoints")["checkpoints"]]

    def refused_as_gone(self, c, run):
        with self.assertRaises(server.refused) as caught:
            c.post("get_info", model_id=run)
        self.assertEqual(caught.exception.status, 404)

    def test_what_is_wrong_is_told(self):
        told = self.run_it("no-key", service=self.service(), key="", code=1)
        self.assertIn("HOCKET_TEST_SERVICE_KEY (`service.key_env`) is not set", told)
        self.run_it("bad-key", service=self.service(), key="not-one-of-them")
        events = self.text("bad-key/events.jsonl")
        self.assertIn("a round failed: HTTP status 401", events)
        self.assertNotIn("not-one-of-them", events)


if __name__ == "__main__":
    unittest.main()
