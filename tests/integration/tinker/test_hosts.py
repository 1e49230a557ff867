#!/usr/bin/env python3
"""configs/graphs/tinker_hosts.yaml: gateway, trainer and sampler as three processes; each worker is killed once.
And the same file, without its hosts, as one process."""

import json
import os
import re
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
from server import HOCKET, client, datum, texts  # noqa: E402

GRAPH = os.path.join(SOURCE, "configs/graphs/tinker_hosts.yaml")


class stage:
    """Processes of the graph; `port` is the gateway's."""

    def __init__(self, folder, hosts, graph=GRAPH):
        self.folder, self.graph, self.hosts, self.running = folder, graph, hosts, {}
        for host in hosts:
            self.begin(host)
        gate = hosts[0]
        self.until(lambda: self.read(gate, "tinker/tinker.url").endswith("\n"), "the gateway serves")
        self.port = int(self.read(gate, "tinker/tinker.url").rsplit(":", 1)[1])

    def begin(self, host):
        options = ["--host", host] if host else []
        for name in self.hosts if host else []:
            options += ["--set", f"hosts.{name}.listen=ipc://{self.folder}/{name}.ipc"]
        log = open(self.log(host), "a")
        self.running[host] = subprocess.Popen(
            [HOCKET, "run", self.graph, "--plain", "--out", os.path.join(self.folder, "out-" + host), *options,
             "--param", f"language={self.folder}/model", "--param", "listen=tcp://127.0.0.1:0",
             "--set", f'actors.gateway.names=["{server.MODEL}"]', "--set", "actors.gateway.gone_after_s=100"],
            stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env=dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"))
        log.close()

    def log(self, host):
        return os.path.join(self.folder, f"log-{host}")

    def logs(self, most=3000):
        told = ""
        for host in self.hosts:
            with open(self.log(host)) as f:
                told += f"--- {host}\n" + f.read()[-most:]
        return told

    def read(self, host, name):
        try:
            with open(os.path.join(self.folder, "out-" + host, name)) as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def until(self, what, words, limit_s=120):
        end = time.monotonic() + limit_s
        while not what():
            if any(p.poll() is not None for p in self.running.values()) or time.monotonic() > end:
                raise AssertionError(words + ": it did not come\n" + self.logs())
            time.sleep(0.05)

    def kill(self, host):
        p = self.running.pop(host)
        p.send_signal(signal.SIGKILL)
        p.wait(timeout=120)

    def end(self):
        codes = {}
        for host, p in self.running.items():
            if p.poll() is None:
                p.send_signal(signal.SIGINT)
        for host, p in self.running.items():
            codes[host] = p.wait(timeout=120)
        return codes


class tinker_hosts(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="hocket-hosts-")
        tiny_model.write(os.path.join(self.folder, "model"))

    def tearDown(self):
        shutil.rmtree(self.folder)

    def forward(self, c, m, tokens):
        r = c.train(m, [datum(tokens)], path="forward")
        self.assertIn("loss_fn_outputs", r)
        return r["loss_fn_outputs"][0]["logprobs"]["data"]

    def learn(self, c, m, n=2):
        for _ in range(n):
            self.assertIn("metrics", c.train(m, [datum(t) for t in texts(2)]))
            self.assertIn("metrics", c.step(m))

    def sampler(self, c, number, **of):
        return c.post("create_sampling_session", session_id=c.id, sampling_session_seq_id=number,
                      type="create_sampling_session", **of)["sampling_session_id"]

    def whole_life(self, s):
        """A model that learned, what it says of a text, and a sampler of its weights that says the same, bit by bit."""
        c = client(s)
        c.session()
        m = c.model()
        text = texts(1)[0]
        before = self.forward(c, m, text)
        self.learn(c, m)
        now = self.forward(c, m, text)
        self.assertNotEqual(before, now)
        saved = c.do("save_weights_for_sampler", m, path="one")["path"]
        k = self.sampler(c, 1, model_path=saved)
        self.assertEqual(c.logprobs(k, text, 1), now)
        unnamed = c.do("save_weights_for_sampler", m, sampling_session_seq_id=2)["sampling_session_id"]
        self.assertEqual(c.logprobs(unnamed, text, 1), now)
        self.assertEqual(c.logprobs(self.sampler(c, 3, base_model=server.MODEL), text, 1), before)
        return c, m, k, text, now

    def test_three_hosts_and_each_worker_dies_once(self):
        s = stage(self.folder, ["gate", "train", "sample"])
        try:
            c, m, k, text, now = self.whole_life(s)
            state = c.do("save_weights", m, path="state")["path"]
            self.learn(c, m, 1)
            further = self.forward(c, m, text)

            s.kill("train")
            lost = c.send("forward_backward", m, forward_backward_input=dict(data=[datum(text)], loss_fn="cross_entropy"))
            self.assertEqual(c.logprobs(k, text, 2), now)  # who samples goes on
            s.begin("train")
            told = c.wait(lost)
            self.assertIn("load a checkpoint", told["error"])
            self.assertEqual(told["category"], "user")  # asking again is of no use
            self.assertIn("load a checkpoint", c.step(m)["error"])
            self.assertEqual(c.do("load_weights", m, path=state, optimizer=True).get("path"), state)
            self.assertEqual(self.forward(c, m, text), now)
            self.learn(c, m, 1)
            self.assertEqual(self.forward(c, m, text), further)  # moments and all

            s.kill("sample")
            waits = c.post("asample", sampling_session_id=k, seq_id=3, num_samples=1, prompt_logprobs=True, type="sample",
                           prompt={"chunks": [{"type": "encoded_text", "tokens": text}]},
                           sampling_params={"max_tokens": 1})
            self.learn(c, m, 1)  # who trains goes on
            s.begin("sample")
            self.assertEqual(c.wait(waits)["prompt_logprobs"][1:], now)
        except AssertionError:
            print(s.logs())
            raise
        finally:
            codes = s.end()
        self.assertEqual(set(codes.values()), {0}, s.logs())
        told = s.logs(most=10**9)
        self.assertIn("trainer", told)
        for each in texts(2):  # what is trained on is told nowhere: as numbers, or as what they spell
            self.assertNotIn(",".join(map(str, each)), re.sub(r"\s", "", told))
            self.assertNotIn(bytes(each).decode(), told)

    def test_the_same_file_in_one_process(self):
        one = os.path.join(self.folder, "one.yaml")
        with open(GRAPH) as f, open(one, "w") as to:
            text = re.sub(r"(?m)^hosts:\n(  .*\n)*", "", f.read())
            to.write(re.sub(r"(?m)^    on: .*\n", "", text))
        s = stage(self.folder, [""], one)
        try:
            self.whole_life(s)
        except AssertionError:
            print(s.logs())
            raise
        finally:
            codes = s.end()
        self.assertEqual(codes, {"": 0}, s.logs())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
