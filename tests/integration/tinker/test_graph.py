#!/usr/bin/env python3
"""configs/graphs/tinker.yaml: an adapter that a client trains is taken by the agent of the running graph."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = os.path.abspath(sys.argv.pop(2)) if len(sys.argv) > 2 else os.getcwd()
import server  # noqa: E402 (takes the program from the arguments)
import tiny_model  # noqa: E402
from server import HOCKET, client, datum  # noqa: E402

EMPTY = {"type": "object", "properties": {}}


class graph:
    """A run of the graph; `port` is the server's."""

    def __init__(self, folder, *more):
        self.folder, self.out = folder, os.path.join(folder, "out")
        path = lambda name: os.path.join(folder, name)
        self.log = open(path("log"), "w+")
        self.process = subprocess.Popen(
            [HOCKET, "run", os.path.join(SOURCE, "configs/graphs/tinker.yaml"), "--out", self.out,
             "--param", f"language={path('model')}", "--param", "listen=tcp://127.0.0.1:0",
             "--param", f"held_out={path('requests.jsonl')}", "--param", f"rest={path('requests.jsonl')}",
             "--param", f"tools={path('tools.json')}", "--set", "actors.mind.max_steps=2",
             "--set", f'actors.trainer.names=["{server.MODEL}"]', *more],
            stdout=self.log, stderr=subprocess.STDOUT, text=True,
            env=dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"))
        self.until(lambda: self.read("tinker/tinker.url").endswith("\n"))
        self.port = int(self.read("tinker/tinker.url").rsplit(":", 1)[1])

    def until(self, what, limit_s=180):
        end = time.monotonic() + limit_s
        while not what():
            if self.process.poll() is not None or time.monotonic() > end:
                self.log.seek(0)
                raise AssertionError("it did not come\n" + self.log.read())
            time.sleep(0.05)

    def read(self, name):
        try:
            with open(os.path.join(self.out, name)) as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def talk(self):
        return [json.loads(line) for line in self.read("talk.jsonl").splitlines(True) if line.endswith("\n")]

    def evaluations(self):
        return [x["adapter"] for x in self.talk() if "evaluation" in x]

    def events(self):
        return self.read("events.jsonl")

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout=180)
        self.log.close()
        return code


class tinker_graph(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="hocket-tinker-graph-")
        path = lambda name: os.path.join(self.folder, name)
        tiny_model.write(path("model"))
        with open(path("model/config.json")) as f:
            config = json.load(f)
        config["max_position_embeddings"] = 4096
        with open(path("model/config.json"), "w") as f:
            json.dump(config, f)
        with open(path("tools.json"), "w") as f:
            json.dump([{"name": "bell", "description": "The bell.", "parameters": EMPTY}], f)
        with open(path("requests.jsonl"), "w") as f:
            f.write(json.dumps({"task": "time x", "calls": [{"tool": "bell", "arguments": {}}]}) + "\n")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def trained(self, g):
        c = client(g)
        c.session()
        m = c.model()
        for _ in range(3):
            c.train(m, [datum([65, 66, 67, 68])])
            c.step(m)
        return c, m

    def test_what_a_client_saves_talks_in_the_graph(self):
        g = graph(self.folder)
        try:
            g.until(lambda: g.evaluations() == [""])  # before the first adapter
            c, m = self.trained(g)
            c.do("save_weights_for_sampler", m, path="other", kind="snapshot")
            path = c.do("save_weights_for_sampler", m, path="calls-1", kind="snapshot")["path"]
            g.until(lambda: path in g.evaluations())
            self.assertEqual(g.evaluations(), ["", path])  # the one of another name was not taken
            book = os.path.join(g.out, "governance.db")
            card = lambda: json.loads(subprocess.run([HOCKET, "card", path, "--ledger", book], capture_output=True, text=True,
                                                     timeout=300).stdout or "{}")
            g.until(lambda: card().get("evaluations"))
            self.assertIn("held_out", card()["evaluations"][-1]["scores"])
            self.assertEqual([x["gate"] for x in card()["gates"] if x["passed"]], ["swap"])
            # An incident takes it back from the agent; a client that saves another is heard again.
            done = subprocess.run([HOCKET, "incident", "open", path, "--reason", "a test", "--ledger", book], capture_output=True,
                                  text=True, timeout=300)
            self.assertEqual(done.returncode, 0, done.stderr)
            g.until(lambda: {"adapter": "", "restored": True} in
                    [{k: x[k] for k in ("adapter", "restored")} for x in g.talk() if "restored" in x])
            g.until(lambda: "an incident froze it" in g.events())  # another file than the talk's
            second = c.do("save_weights_for_sampler", c.model(1), path="calls-2", kind="snapshot")["path"]
            g.until(lambda: second in g.evaluations())
        finally:
            code = g.end()
        self.assertEqual(code, 0)

    def test_the_gate_and_the_owner_decide(self):
        gates, keys = (os.path.join(self.folder, x) for x in ("gates.yaml", "keys"))
        with open(gates, "w") as f:
            f.write("swap: {licences: [MIT]}\n")
        with open(keys, "w") as f:
            f.write("tml-test-one alice\ntml-test-two bob\n")
        g = graph(self.folder, "--set", f"actors.trainer.gates={gates}", "--set", f"actors.trainer.keys_file={keys}",
                  "--set", "actors.trainer.owners=[alice]")
        try:
            g.until(lambda: g.evaluations() == [""])
            bob = client(g, "tml-test-two")
            bob.session()
            bob.do("save_weights_for_sampler", bob.model(), path="calls-bob", kind="snapshot")
            c, m = self.trained(g)
            path = c.do("save_weights_for_sampler", m, path="calls-1", kind="snapshot")["path"]
            g.until(lambda: f"{path}` passes no gate `swap`" in g.events())
            self.assertNotIn("calls-bob", g.events())
            self.assertEqual(g.evaluations(), [""])
        finally:
            g.end()


if __name__ == "__main__":
    unittest.main()
