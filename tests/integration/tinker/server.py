"""Starts `hocket serve tinker` on a tiny model, and speaks with it: JSON, and protobuf by hand."""

import http.client
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tiny_model

MODEL = "Qwen/Qwen3-8B-Base"
HOCKET = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "build/hocket"


class refused(Exception):
    def __init__(self, status, body, headers):
        super().__init__(f"{status} {body[:300]!r}")
        self.status, self.headers = status, headers
        self.text = body.decode(errors="replace")


class server:
    """A process on a free port of loopback."""

    def __init__(self, folder, *more):
        self.folder = folder
        self.process = subprocess.Popen(
            [HOCKET, "serve", "tinker", os.path.join(folder, "model"), "--name", MODEL, "--name", "Qwen/Qwen3-8B",
             "--listen", "tcp://127.0.0.1:0", "--out", os.path.join(folder, "out"), "--json", *more],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"))
        line = self.process.stdout.readline()
        try:
            self.url = json.loads(line)["url"]
        except ValueError:
            raise AssertionError("the server did not start: " + line + self.process.stdout.read())
        self.port = int(self.url.rsplit(":", 1)[1])

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(timeout=120)
        self.process.stdout.close()
        return code


class client:
    """One key at one server. A future is awaited by `wait`."""

    def __init__(self, s, key="tml-test-one"):
        self.s, self.key, self.numbers = s, key, {}

    def ask(self, method, path, body=None, headers=(), raw=False, prefix="/api/v1/"):
        c = http.client.HTTPConnection("127.0.0.1", self.s.port, timeout=180)
        h = {"X-API-Key": self.key, **dict(headers)}
        if body is not None and not isinstance(body, bytes):
            body, h = json.dumps(body).encode(), {"Content-Type": "application/json", **h}
        c.request(method, prefix + path, body, h)
        r = c.getresponse()
        data = r.read()
        c.close()
        if r.status >= 300:
            raise refused(r.status, data, dict(r.getheaders()))
        return data if raw else (json.loads(data) if data else None)

    def post(self, path, /, **body):
        return self.ask("POST", path, body)

    def wait(self, submitted):
        while True:
            r = self.post("retrieve_future", request_id=submitted["request_id"])
            if r.get("type") != "try_again":
                return r

    def session(self):
        self.id = self.post("create_session", tags=[], sdk_version="0", type="create_session")["session_id"]
        return self.id

    def model(self, number=0, rank=4, seed=5, **more):
        m = self.wait(self.post("create_model", session_id=self.id, model_seq_id=number, base_model=MODEL,
                                lora_config=dict(rank=rank, seed=seed, **more), type="create_model"))
        assert m.get("type") == "create_model", m
        self.numbers[m["model_id"]] = 0
        return m["model_id"]

    def send(self, path, model, /, **body):
        """The next operation of a model."""
        self.numbers[model] += 1
        return self.post(path, model_id=model, seq_id=self.numbers[model], **body)

    def do(self, path, model, /, **body):
        return self.wait(self.send(path, model, **body))

    def train(self, model, data, loss="cross_entropy", path="forward_backward", **config):
        key = "forward_input" if path == "forward" else "forward_backward_input"
        return self.do(path, model, **{key: dict(data=data, loss_fn=loss, loss_fn_config=config or None)})

    def step(self, model, rate=1e-2, **more):
        return self.do("optim_step", model, adam_params=dict(learning_rate=rate, **more))

    def logprobs(self, sampler, tokens, number):
        r = self.wait(self.post("asample", sampling_session_id=sampler, seq_id=number, num_samples=1,
                                prompt={"chunks": [{"type": "encoded_text", "tokens": tokens}]},
                                sampling_params={"max_tokens": 1}, prompt_logprobs=True, type="sample"))
        return r["prompt_logprobs"][1:]


def tensor(values, dtype="float32"):
    return {"data": values, "dtype": dtype, "shape": [len(values)]}


def datum(tokens, weights=None):
    n = len(tokens) - 1
    return {"model_input": {"chunks": [{"type": "encoded_text", "tokens": tokens[:-1]}]},
            "loss_fn_inputs": {"target_tokens": tensor(tokens[1:], "int64"),
                               "weights": tensor(weights or [1.0] * n)}}


def texts(n, length=10, seed=3):
    rng = random.Random(seed)
    return [[rng.randrange(32, 120) for _ in range(length)] for _ in range(n)]


def field(number, payload):
    """One length-delimited or whole-number field of protobuf."""
    def varint(v):
        out = b""
        while v > 127:
            out += bytes([v & 127 | 128])
            v >>= 7
        return out + bytes([v])
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def forward_backward_bytes(model, number, tokens, loss=b"cross_entropy"):
    n = len(tokens) - 1
    def entry(key, raw, dtype):
        return field(2, field(1, key) + field(2, field(1, raw) + field(3, dtype) + field(4, bytes([n]))))
    chunk = field(1, field(1, field(1, struct.pack(f"<{n}i", *tokens[:-1]))))
    d = chunk + entry(b"weights", struct.pack(f"<{n}f", *[1.0] * n), 1) + entry(
        b"target_tokens", struct.pack(f"<{n}q", *tokens[1:]), 2)
    return field(1, model.encode()) + field(2, number) + field(3, d) + field(4, loss)


class case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="hocket-tinker-")
        cls.eos = tiny_model.write(os.path.join(cls.folder, "model"))
        cls.s = server(cls.folder)

    @classmethod
    def tearDownClass(cls):
        if cls.s.process.poll() is None:
            cls.s.end()
        shutil.rmtree(cls.folder)

    def client(self, key="tml-test-one"):
        c = client(self.s, key)
        c.session()
        return c

    def becomes(self, holds, what):
        """Waits, two minutes at most: the ledger is looked at five times a second, on a busy machine later."""
        end = time.monotonic() + 120
        while not holds():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.1)

    def is_refused(self, words, ask):
        try:
            return words in json.dumps(ask())
        except refused as e:
            return words in e.text
        except KeyError:
            return False  # between its question and its answer

    def refuses(self, status, words, ask):
        with self.assertRaises(refused) as caught:
            ask()
        self.assertEqual(caught.exception.status, status, caught.exception.text)
        self.assertIn(words, caught.exception.text)
        return caught.exception
