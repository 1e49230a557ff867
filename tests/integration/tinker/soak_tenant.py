"""A tenant of soak.py, as a process of its own: it trains, saves, and is killed and begins again where it last saved.
What its weights were after a number of steps is a line in a file: the digest of what the model says of fixed data."""

import hashlib
import http.client
import json
import os
import random
import struct
import sys
import time

EVERY = 3  # steps between two saves
AHEAD = 16  # steps that a replay sends before it asks for the first answer


def fail(text):
    print("FAILED: " + text, flush=True)
    raise SystemExit(1)


def write(path, value):
    with open(path + ".new", "w") as f:
        json.dump(value, f)
        f.flush()
        os.fsync(f.fileno())
    os.replace(path + ".new", path)


def read(path, otherwise=None):
    try:
        with open(path) as f:
            return json.load(f)
    except (OSError, ValueError):
        return otherwise


class gone(Exception):
    """The server does not know the model any more: it was started again."""


class over(Exception):
    """The soak is."""


class tenant:
    def __init__(self, folder, number, breaks=0.2, name="tenant"):
        self.folder, self.number, self.breaks = folder, number, breaks
        self.state_file = os.path.join(folder, f"{name}{number}.json")
        self.probe_file = os.path.join(folder, f"{name}{number}.probes")
        self.state = read(self.state_file, {"path": None, "steps": 0, "refused": 0, "repeated": 0, "session": None})
        self.rng = random.Random()
        self.connection = None

    def is_over(self):
        return os.path.exists(os.path.join(self.folder, "stop"))

    def send(self, path, body, method="POST"):
        """One request, over a connection that may break before its answer is there. None: ask again."""
        try:
            c = self.connection or http.client.HTTPConnection("127.0.0.1", read(os.path.join(self.folder, "url")), timeout=120)
            c.request(method, "/api/v1/" + path, json.dumps(body),
                      {"X-API-Key": f"tml-soak-{self.number}", "Content-Type": "application/json"})
            if self.rng.random() < self.breaks:
                c.close()
                self.state["repeated"] += 1
                return None
            r = c.getresponse()
            data = r.read()
            if self.breaks:
                c.close()
            else:
                self.connection = c
        except (OSError, http.client.HTTPException):
            self.connection = None
            time.sleep(0.05)
            return None
        if method == "POST" and b"checkpoint not found" in data:
            fail(f"tenant {self.number}: an acknowledged checkpoint is lost: {self.state['path']}")
        if r.status in (403, 404, 410):
            raise gone(f"{path}: {r.status} {data[:200]!r}")
        if r.status in (429, 507) or r.status >= 500:
            time.sleep(0.1)
            return None
        if r.status not in (200, 204):
            fail(f"tenant {self.number}: {path}: {r.status} {data[:300]!r}")
        return json.loads(data or b"{}")

    def ask(self, path, body, ends=False, method="POST"):
        while True:
            answer = self.send(path, body, method)
            if answer is not None:
                return answer
            if ends and self.is_over():
                raise over()

    def end(self, path, body, method="POST"):
        """Ends something that the server may have forgotten."""
        try:
            self.ask(path, body, method=method)
        except gone:
            pass

    def wait(self, request):
        while True:
            answer = self.ask("retrieve_future", {"request_id": request}, True)
            if answer.get("type") != "try_again":
                return answer

    def do(self, path, body):
        return self.wait(self.ask(path, body, True)["request_id"])

    def submit(self, path, /, **body):
        self.number_of_operation += 1
        return self.ask(path, dict(body, model_id=self.model, seq_id=self.number_of_operation), True)["request_id"]

    def operation(self, path, /, **body):
        return self.wait(self.submit(path, **body))

    def data(self, step):
        rng = random.Random(f"{self.number} {step}")
        out = []
        for _ in range(1 + self.number % 3):
            t = [rng.randrange(32, 120) for _ in range(rng.randrange(4, 20))]
            n = len(t) - 1
            out.append({"model_input": {"chunks": [{"type": "encoded_text", "tokens": t[:-1]}]},
                        "loss_fn_inputs": {"target_tokens": {"data": t[1:], "dtype": "int64", "shape": [n]},
                                           "weights": {"data": [1.0] * n, "dtype": "float32", "shape": [n]}}})
        return out

    def finish(self):
        """Of a life before this one, too: a session that nobody ends stays for half an hour."""
        if self.state["session"]:
            self.end(f"sessions/{self.state['session']}/finish", {"reason": {"type": "success"}})
        self.state["session"] = None

    def begin(self):
        self.finish()
        session = self.ask("create_session", {"tags": [], "sdk_version": "0"}, True)["session_id"]
        self.state["session"] = session
        write(self.state_file, self.state)
        if self.state["path"]:
            made = self.do("load_weights", {"session_id": session, "model_seq_id": 0, "path": self.state["path"],
                                            "optimizer": True})
        else:
            made = self.do("create_model", {"session_id": session, "model_seq_id": 0, "base_model": "soak/model",
                                            "lora_config": {"rank": 4, "seed": self.number}})
        if made.get("category") == "server":  # the disk has no room for the run's record
            raise gone(str(made))
        if "error" in made:
            fail(f"tenant {self.number}: an acknowledged checkpoint cannot be loaded: {self.state['path']}: {made}")
        self.model, self.number_of_operation = made["model_id"], 0
        return self.state["steps"]

    def probe(self):
        a = self.operation("forward", forward_input={"data": self.data("probe"), "loss_fn": "cross_entropy"})
        values = [x for o in a["loss_fn_outputs"] for x in o["logprobs"]["data"]]
        return hashlib.sha256(struct.pack(f"<{len(values)}d", *values)).hexdigest()

    def probes(self):
        """Those of all lives before, by steps; a line that was cut short is none."""
        try:
            with open(self.probe_file) as f:
                lines = [line.split() for line in f if line.endswith("\n")]
        except OSError:
            return {}
        return {int(w[0]): w[1] for w in lines if len(w) == 2 and len(w[1]) == 64}

    def note(self, probes, steps, probe):
        if probes.get(steps) not in (None, probe):
            fail(f"tenant {self.number}: other bits after {steps} steps than in an earlier try")
        if steps not in probes:
            probes[steps] = probe
            with open(self.probe_file, "a") as f:
                f.write(f"\n{steps} {probe}\n")  # what was cut short before it ends here

    def submit_step(self, step):
        return [self.submit("forward_backward", forward_backward_input={"data": self.data(step), "loss_fn": "cross_entropy"}),
                self.submit("optim_step", adam_params={"learning_rate": 1e-3})]

    def end_step(self, requests, steps):
        for a in map(self.wait, requests):
            if "error" in a:
                fail(f"tenant {self.number}: {a}")
        if a.get("metrics", {}).get("optim/step") != steps:
            fail(f"tenant {self.number}: step {steps} was answered by {a}")

    def train(self):
        steps, probes = self.begin(), self.probes()
        while not self.is_over():
            self.end_step(self.submit_step(steps), steps + 1)
            steps += 1
            if steps % EVERY:
                continue
            self.note(probes, steps, self.probe())
            a = self.operation("save_weights", path=f"s{steps}", overwrite=True, ttl_seconds=3600)
            if "error" in a:
                self.state["refused"] += 1  # the disk is full: it goes on with what it has
                continue
            before, self.state["path"], self.state["steps"] = self.state["path"], a["path"], steps
            write(self.state_file, self.state)
            if before:
                run, kind, name = before.removeprefix("tinker://").split("/")
                self.end(f"training_runs/{run}/checkpoints/{kind}/{name}", {}, "DELETE")
        write(self.state_file, self.state)

    def replay(self, wanted, until):
        """The same steps from the first on, without saves; the probes after the wanted numbers of steps, as far as it
        comes by then."""
        steps, got = self.begin(), {}
        for stop in sorted(wanted):
            while steps < stop:
                if time.monotonic() > until:
                    return got
                ahead = range(steps, min(stop, steps + AHEAD))
                for step, requests in [(step, self.submit_step(step)) for step in ahead]:
                    self.end_step(requests, step + 1)
                steps = ahead.stop
            got[steps] = self.probe()
        self.finish()
        return got

    def live(self):
        while not self.is_over():
            try:
                self.train()
            except gone:
                time.sleep(0.1)
            except over:
                break
        self.finish()
        write(self.state_file, self.state)


if __name__ == "__main__":
    tenant(sys.argv[1], int(sys.argv[2])).live()
