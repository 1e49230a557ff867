#!/usr/bin/env python3
"""A server of the Tinker API, over HTTP without the SDK."""

import hashlib
import json
import os
import random
import signal
import subprocess
import threading
import time
import unittest

from server import HOCKET, MODEL, case, client, datum, forward_backward_bytes, refused, server


def texts(n, length=10, seed=3):
    rng = random.Random(seed)
    return [[rng.randrange(32, 120) for _ in range(length)] for _ in range(n)]


def flat(answer):
    return [x for o in answer["loss_fn_outputs"] for x in o["logprobs"]["data"]]


class governed(case):
    """A server with a ledger: cards of checkpoints, and an incident that stops one everywhere."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s.end()
        cls.ledger = os.path.join(cls.folder, "book.db")
        cls.s = server(cls.folder, "--ledger", cls.ledger)

    def hocket(self, *args):
        return subprocess.run([HOCKET, *args, "--ledger", self.ledger], capture_output=True, text=True, timeout=60)

    def test_an_incident_stops_a_checkpoint_within_two_seconds(self):
        c = self.client()
        m = c.model()
        path = c.do("save_weights_for_sampler", m, path="s1", kind="snapshot")["path"]
        other = c.do("save_weights_for_sampler", m, path="s2", kind="snapshot")["path"]
        state = c.do("save_weights", m, path="w1", kind="snapshot")["path"]
        card = json.loads(self.hocket("card", path).stdout)
        self.assertEqual(card["name"], path)
        opened = lambda n, p: c.post("create_sampling_session", session_id=c.id, sampling_session_seq_id=n,
                                     model_path=p)["sampling_session_id"]
        sampler, second = opened(1, path), opened(2, other)
        c.logprobs(sampler, texts(1)[0], 0)
        archive = "training_runs/" + m + "/checkpoints/sampler_weights/s1/archive"
        url = c.ask("GET", archive)["url"]
        for each in (path, state):
            self.assertEqual(self.hocket("incident", "open", each, "--reason", "it lies").returncode, 0)
        time.sleep(1.5)
        self.refuses(403, "frozen by an incident", lambda: c.logprobs(sampler, texts(1)[0], 1))
        self.refuses(403, "frozen by an incident", lambda: opened(3, path))
        self.refuses(403, "an incident froze it", lambda: c.ask("GET", archive))
        self.refuses(404, "frozen by an incident", lambda: c.ask("GET", url.split("/", 3)[3], raw=True, prefix="/"))
        self.assertIn("frozen by an incident", json.dumps(c.do("load_weights", m, path=state)))
        c.logprobs(second, texts(1)[0], 0)  # another one is served on
        for each in (path, state):
            self.assertEqual(self.hocket("incident", "close", each, "--reason", "mended").returncode, 0)
        time.sleep(1.5)
        c.logprobs(sampler, texts(1)[0], 2)
        self.assertEqual(self.hocket("audit", "verify").returncode, 0)

    def test_an_incident_holds_for_what_was_made_of_the_checkpoint(self):
        c = self.client()
        state = c.do("save_weights", c.model(), path="w2", kind="snapshot")["path"]
        m = c.model(1)
        self.assertEqual(c.do("load_weights", m, path=state)["path"], state)
        unnamed = lambda n: c.do("save_weights_for_sampler", m, sampling_session_seq_id=n)
        sampler = unnamed(7)["sampling_session_id"]
        c.logprobs(sampler, texts(1)[0], 0)
        saved = c.do("save_weights_for_sampler", m, path="child")["path"]
        self.assertEqual(json.loads(self.hocket("card", saved).stdout)["parent"], state)
        self.assertEqual(self.hocket("incident", "open", state, "--reason", "it lies").returncode, 0)
        time.sleep(1.5)
        self.refuses(403, "frozen by an incident", lambda: c.logprobs(sampler, texts(1)[0], 1))
        self.assertIn("an incident froze it", json.dumps(unnamed(8)))
        self.assertIn("frozen by an incident", json.dumps(c.train(m, [datum(texts(1)[0])])))
        c.train(c.model(2), [datum(texts(1)[0])])  # another one is trained on

    def test_a_tenant_is_erased_and_the_chain_is_whole(self):
        c = self.client("tml-another-key")
        path = c.do("save_weights_for_sampler", c.model(), path="mine", kind="snapshot")["path"]
        def rows():
            return [json.loads(x) for x in self.hocket("audit", "list", "--json").stdout.splitlines()]
        before = next(r for r in rows() if r["subject"] == path and r["kind"] == "card")
        self.assertTrue(before["tenant"].startswith("t-"))
        owner = "key-" + hashlib.sha256(b"tml-another-key").hexdigest()[:24]
        self.assertNotIn(owner, str(rows()))
        self.assertEqual(self.hocket("audit", "erase", owner, "--reason", "asked").returncode, 0)
        after = next(r for r in rows() if r["seq"] == before["seq"])
        self.assertEqual((after["body"], after["hash"]), (None, before["hash"]))
        proof = next(r for r in rows() if r["kind"] == "erased")["body"]["entries"]
        self.assertIn({"seq": before["seq"], "sha256": before["body_sha256"]}, proof)
        self.assertEqual(self.hocket("audit", "verify").returncode, 0)


class judged(case):
    """A server with a policy whose gate `load` asks for a score that nothing has."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s.end()
        policy = os.path.join(cls.folder, "policy.yaml")
        with open(policy, "w") as f:
            f.write('load: {scores: ["held_out >= 0.5"]}\n')
        cls.ledger = os.path.join(cls.folder, "book.db")
        cls.s = server(cls.folder, "--ledger", cls.ledger, "--policy", policy)

    def test_the_gate_load_is_asked(self):
        c = self.client()
        m = c.model()
        path = c.do("save_weights", m, path="w1", kind="snapshot")["path"]
        self.assertIn("no evaluation has `held_out`", json.dumps(c.do("load_weights", m, path=path)))
        done = subprocess.run([HOCKET, "card", path, "--override", "load", "--reason", "a test", "--ledger", self.ledger],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(c.do("load_weights", m, path=path).get("path"), path)


class run(case):
    def test_the_life_of_a_run(self):
        c = self.client()
        m = c.model()
        data = [datum(t) for t in texts(3)]
        first = c.train(m, data)
        self.assertAlmostEqual(first["metrics"]["loss:sum"], -sum(flat(first)), places=3)
        for _ in range(8):
            c.step(m)
            last = c.train(m, data)
        self.assertLess(last["metrics"]["loss:sum"], 0.8 * first["metrics"]["loss:sum"])
        named = c.do("save_weights_for_sampler", m, path="s1", kind="snapshot")["path"]
        self.assertEqual(named, f"tinker://{m}/sampler_weights/s1")
        sampler = c.post("create_sampling_session", session_id=c.id, sampling_session_seq_id=0,
                         model_path=named)["sampling_session_id"]
        own = c.do("save_weights_for_sampler", m, sampling_session_seq_id=1, kind="snapshot")["sampling_session_id"]
        forward = c.train(m, data, path="forward")
        for s in (sampler, own):  # the bits of sampling and of training are the same
            got = [x for i, t in enumerate(texts(3)) for x in c.logprobs(s, t, i)]
            self.assertEqual(got, flat(forward))
        base = c.post("create_sampling_session", session_id=c.id, sampling_session_seq_id=2, base_model=MODEL)
        self.assertNotEqual(c.logprobs(base["sampling_session_id"], texts(1)[0], 0), flat(forward)[:9])
        c.step(m, 0.1)  # a sampler keeps its weights
        self.assertEqual(c.logprobs(own, texts(1)[0], 7), flat(forward)[:9])

    def test_order_and_repeated_requests(self):
        c = self.client()
        a, b = c.model(0), c.model(1)
        data = [datum(t) for t in texts(2, seed=8)]
        def send(m, n, path, /, **body):
            return c.post(path, model_id=m, seq_id=n, **body)
        one = dict(forward_backward_input=dict(data=data, loss_fn="cross_entropy"))
        late = send(a, 2, "optim_step", adam_params=dict(learning_rate=1e-2))  # before its forward_backward
        early = send(a, 1, "forward_backward", **one)
        again = [send(a, 1, "forward_backward", **one), send(a, 2, "optim_step", adam_params=dict(learning_rate=9.0))]
        self.assertEqual([r["request_id"] for r in again], [early["request_id"], late["request_id"]])
        c.wait(late)
        c.numbers[a] = 2
        for d in data:  # two calls are one
            c.train(b, [d])
        c.step(b)
        x, y = (flat(c.train(m, data, path="forward")) for m in (a, b))
        self.assertLess(max(abs(p - q) for p, q in zip(x, y)), 1e-5)
        self.refuses(400, "out of order", lambda: send(a, 200_000, "optim_step", adam_params={}))

    def test_protobuf_is_the_same_as_json(self):
        c = self.client()
        m = c.model()
        t = texts(1)[0]
        c.numbers[m] += 1
        sent = c.ask("POST", "forward_backward", forward_backward_bytes(m, 1, t),
                     {"Content-Type": "application/x-protobuf"})
        c.wait(sent)
        raw = c.ask("POST", "retrieve_future", {"request_id": sent["request_id"]},
                    {"Accept": "application/x-protobuf"}, raw=True)
        self.assertTrue(raw.startswith(b"\x0a\x0bArrayRecord"), raw[:20])
        self.assertIn(b"loss:sum", raw)
        meta = c.ask("POST", "retrieve_future", {"request_id": sent["request_id"], "allow_metadata_only": True},
                     {"Accept": "application/x-protobuf"})
        self.assertEqual(meta, {"status": "complete_metadata", "response_payload_size": len(raw)})
        self.refuses(400, "no ForwardBackwardRequest", lambda: c.ask(
            "POST", "forward_backward", b"\xff\xff", {"Content-Type": "application/x-protobuf"}))
        self.refuses(400, "zstd body", lambda: c.ask(
            "POST", "forward_backward", b"\x00" * 40,
            {"Content-Type": "application/x-protobuf", "Content-Encoding": "zstd"}))

    def test_what_is_wrong_is_said_in_band_and_changes_nothing(self):
        c = self.client()
        m = c.model()
        good = datum(texts(1)[0])
        before = flat(c.train(m, [good], path="forward"))
        bad = datum(texts(1)[0])
        del bad["loss_fn_inputs"]["weights"]
        for answer, words in ((c.train(m, [good, bad]), "datum 1: loss_fn_inputs has no `weights`"),
                              (c.train(m, [good], "no_such_loss"), "no_such_loss"),
                              (c.train(m, [good], "stable_reinforce"), "importance_sampling"),
                              (c.train(m, [good], clip_lo=1.0), "clip_lo"),
                              (c.train(m, [datum([1, 2, 10 ** 7])]), "vocabulary"),
                              (c.step(m, -1), "learning_rate")):
            self.assertEqual(answer["category"], "user")
            self.assertIn(words, answer["error"])
        c.step(m, 1.0)  # no gradient is pending
        self.assertEqual(flat(c.train(m, [good], path="forward")), before)
        create = dict(session_id=c.id, model_seq_id=9, base_model=MODEL)
        for body, words in (({"lora_config": {"rank": 0}}, "rank must be positive"),
                            ({"base_model": "no/such"}, "no/such"),
                            ({"lora_config": {"rank": 2}, "optimizer_config": {"type": "dimuon"}}, "dimuon"),
                            ({"lora_config": {"rank": 2, "train_attn": False, "train_mlp": False,
                                              "train_unembed": False}}, "At least one")):
            e = self.refuses(400, words, lambda: c.post("create_model", **{**create, **body}))
            self.assertEqual(e.headers.get("x-should-retry"), "false")
        self.assertEqual(c.ask("POST", "session_heartbeat", {"session_id": c.id})["type"], "session_heartbeat")
        c.post(f"sessions/{c.id}/finish", reason={"type": "success"})
        self.refuses(410, "over", lambda: c.post("session_heartbeat", session_id=c.id))

    def test_sampling(self):
        c = self.client()
        s = c.post("create_sampling_session", session_id=c.id, sampling_session_seq_id=0,
                   base_model=MODEL)["sampling_session_id"]
        n = iter(range(1000))
        def sample(tokens=(65, 66, 67), num=1, **more):
            params = more.pop("params", {})
            return c.wait(c.post("asample", sampling_session_id=s, seq_id=next(n), num_samples=num,
                                 prompt={"chunks": [{"type": "encoded_text", "tokens": list(tokens)}]},
                                 sampling_params=params, **more))
        a = sample(num=3, params=dict(max_tokens=8, seed=4, stop=[]))["sequences"]
        self.assertEqual(a, sample(num=3, params=dict(max_tokens=8, seed=4, stop=[]))["sequences"])
        self.assertEqual(len({tuple(x["tokens"]) for x in a}), 3)
        for i, x in enumerate(a):
            full = [65, 66, 67] + x["tokens"]
            self.assertEqual(c.logprobs(s, full, next(n))[2:], x["logprobs"])
        g = sample(params=dict(max_tokens=6, temperature=0, stop=[]))["sequences"][0]
        k = next((i for i in range(1, 6) if g["tokens"][i] not in g["tokens"][:i]), None)
        if k is not None:
            cut = sample(params=dict(max_tokens=6, temperature=0, stop=[g["tokens"][k]]))["sequences"][0]
            self.assertEqual((cut["tokens"], cut["stop_reason"]), (g["tokens"][:k + 1], "stop"))
        self.assertIn("context", sample(params=dict(max_tokens=100000))["error"])
        self.refuses(400, "prompt", lambda: sample(tokens=()))
        self.refuses(400, "temperature", lambda: sample(params=dict(temperature=-1)))
        many = [c.post("asample", sampling_session_id=s, seq_id=next(n), num_samples=1,
                       prompt={"chunks": [{"tokens": t}]}, sampling_params=dict(max_tokens=3, temperature=0, stop=[]))
                for t in texts(40, 7)]
        alone = [sample(t, params=dict(max_tokens=3, temperature=0, stop=[]))["sequences"] for t in texts(40, 7)[:5]]
        self.assertEqual([c.wait(r)["sequences"] for r in many[:5]], alone)

    def test_a_tenant_sees_nothing_of_another(self):
        c, d = self.client(), self.client("tml-test-two")
        m = c.model()
        path = c.do("save_weights", m, path="mine")["path"]
        sampler = c.do("save_weights_for_sampler", m, sampling_session_seq_id=0)["sampling_session_id"]
        future = c.send("optim_step", m, adam_params={})
        c.wait(future)
        self.refuses(404, "no such request", lambda: d.post("retrieve_future", request_id=future["request_id"]))
        self.refuses(404, "no such request", lambda: d.post("cancel_future", request_id=future["request_id"]))
        self.refuses(404, "no model", lambda: d.post("optim_step", model_id=m, seq_id=9, adam_params={}))
        self.refuses(404, "no model", lambda: d.post("get_info", model_id=m))
        self.refuses(404, "no model", lambda: d.post("unload_model", model_id=m))
        self.refuses(404, "not found", lambda: d.post("weights_info", tinker_path=path))
        self.refuses(404, "not found", lambda: d.post("load_weights", session_id=d.id, model_seq_id=1, path=path,
                                                      optimizer=True))
        self.refuses(403, "Invalid session_id", lambda: d.post("create_model", session_id=c.id, model_seq_id=5,
                                                               base_model=MODEL, lora_config={"rank": 2}))
        self.refuses(404, "no sampling session", lambda: d.logprobs(sampler, [65, 66], 0))
        self.refuses(404, "no such sampler", lambda: d.ask("GET", "samplers/" + sampler))
        self.refuses(404, "no such session", lambda: d.ask("GET", "sessions/" + c.id))
        self.refuses(404, "not found", lambda: d.ask("GET", "training_runs/" + m))
        for method, more in (("GET", ""), ("DELETE", ""), ("GET", "/archive"), ("GET", "/external_weights_urls"),
                             ("POST", "/publish")):
            self.refuses(404, "not found", lambda: d.ask(method, f"training_runs/{m}/checkpoints/weights/mine{more}"))
        self.refuses(404, "not found", lambda: d.ask("PUT", f"training_runs/{m}/checkpoints/weights/mine/ttl",
                                                     {"ttl_seconds": 1}))
        for listing, key in (("checkpoints", "checkpoints"), ("training_runs", "training_runs"), ("sessions", "sessions")):
            self.assertNotIn(m.split(":")[0], json.dumps(d.ask("GET", listing)[key]))
        absent = self.refuses(404, "not found", lambda: d.post("weights_info", tinker_path=path[:-4] + "none"))
        there = self.refuses(404, "not found", lambda: d.post("weights_info", tinker_path=path))
        self.assertEqual(absent.text.replace("none", "mine"), there.text)  # neither says more
        self.refuses(401, "API key", lambda: client(self.s, "").post("create_session"))
        c.ask("POST", f"training_runs/{m}/checkpoints/weights/mine/publish", {})
        self.assertEqual(d.post("weights_info", tinker_path=path)["lora_rank"], 4)

    def test_checkpoints_are_listed_fetched_and_deleted(self):
        c = self.client("tml-test-three")
        m = c.model()
        c.train(m, [datum(texts(1)[0])])
        c.step(m)
        first = c.do("save_weights", m, path="a", user_metadata={"k": "v"})["path"]
        self.assertIn("already exists", c.do("save_weights", m, path="a")["error"])
        self.assertEqual(c.do("save_weights", m, path="a", overwrite=True)["path"], first)
        self.assertIn("no name", c.do("save_weights", m, path="../a")["error"])
        e = c.do("save_weights_external", m, path="e")
        listed = {k["tinker_path"]: k for k in c.ask("GET", "checkpoints")["checkpoints"]}
        self.assertEqual(set(listed), {first, e["path"]})
        urls = c.ask("GET", f"training_runs/{m}/checkpoints/external_weights/e/external_weights_urls")["urls"]
        bare = client(self.s, "")
        get = lambda name: bare.ask("GET", urls[name].split("/", 3)[3], raw=True, prefix="/")
        config = json.loads(get("adapter_config.json"))
        self.assertEqual((config["r"], config["lora_alpha"], config["peft_type"]), (4, 32, "LORA"))
        self.assertIn(b"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
                      get("adapter_model.safetensors"))
        self.refuses(404, "not valid", lambda: bare.ask("GET", "files/0123/adapter_config.json", prefix="/"))
        # Other weights under its name are not what the address was given for.
        c.train(m, [datum(texts(1)[0])])
        c.step(m)
        c.do("save_weights_external", m, path="e", overwrite=True)
        self.refuses(404, "other weights", lambda: get("adapter_model.safetensors"))
        run = c.ask("GET", "training_runs/" + m)
        self.assertEqual((run["lora_rank"], run["last_checkpoint"]["tinker_path"]), (4, first))
        c.ask("PUT", f"training_runs/{m}/checkpoints/weights/a/ttl", {"ttl_seconds": 3600})
        c.ask("DELETE", f"training_runs/{m}/checkpoints/external_weights/e")
        left = c.ask("GET", f"training_runs/{m}/checkpoints")["checkpoints"]
        self.assertEqual([(k["checkpoint_id"], "expires_at" in k) for k in left], [("weights/a", True)])

    def test_tokenizer_files_for_an_offline_client(self):
        c = client(self.s, "")
        t = json.loads(c.ask("GET", MODEL + "/resolve/main/tokenizer.json", raw=True, prefix="/"))
        self.assertEqual(t["model"]["type"], "BPE")
        for path in ("/resolve/main/model.safetensors", "/resolve/main/../config.json", "/resolve/main/nothing"):
            with self.assertRaises(refused):
                c.ask("GET", MODEL + path, prefix="/")

    def test_openai(self):
        c = self.client()
        ask = lambda path, /, **body: c.ask("POST", path, body, prefix="/oai/api/v1/")
        x = ask("completions", model=MODEL, prompt="the cat", max_tokens=5, temperature=0, logprobs=1)
        self.assertEqual(len(x["choices"][0]["logprobs"]["token_logprobs"]), x["usage"]["completion_tokens"])
        y = ask("chat/completions", model=MODEL, messages=[{"role": "user", "content": "hi"}], max_tokens=5,
                temperature=0, logprobs=True, top_logprobs=2)
        self.assertEqual(y["choices"][0]["message"]["role"], "assistant")
        self.assertEqual(len(y["choices"][0]["logprobs"]["content"][0]["top_logprobs"]), 2)
        events = c.ask("POST", "completions", dict(model=MODEL, prompt="the cat", max_tokens=5, temperature=0,
                                                   stream=True), prefix="/oai/api/v1/", raw=True).decode()
        self.assertTrue(events.endswith("data: [DONE]\n\n"))
        text = "".join(json.loads(e[6:])["choices"][0]["text"] for e in events.split("\n\n")[:-2])
        self.assertEqual(text, x["choices"][0]["text"])
        self.refuses(404, "no/such", lambda: ask("completions", model="no/such", prompt="x"))
        m = c.model()
        path = c.do("save_weights", m, path="t")["path"]
        self.refuses(400, "sampler_weights", lambda: ask("completions", model=path, prompt="x"))


class faults(case):
    def test_what_was_saved_is_there_after_kill(self):
        c = self.client()
        m = c.model()
        data = [datum(t) for t in texts(2)]
        c.train(m, data)
        c.step(m)
        path = c.do("save_weights", m, path="kept")["path"]
        for _ in range(2):
            c.train(m, data)
            c.step(m)
        wanted = flat(c.train(m, data, path="forward"))
        stop = threading.Event()
        def hammer():  # the kill comes while checkpoints are written
            other = client(self.s, "tml-test-one")
            other.session()
            k = other.model()
            for i in range(10_000):
                if stop.is_set():
                    return
                try:
                    other.do("save_weights", k, path=f"h{i % 5}", overwrite=True)
                except Exception:
                    return
        t = threading.Thread(target=hammer)
        t.start()
        stop.wait(1)
        self.s.end(signal.SIGKILL)
        stop.set()
        t.join()
        type(self).s = server(self.folder)
        self.refuses(410, "Invalid session_id", lambda: client(self.s).post("session_heartbeat", session_id=c.id))
        self.refuses(404, "no model", lambda: client(self.s).post("optim_step", model_id=m, seq_id=9, adam_params={}))
        d = self.client()
        self.assertEqual(d.ask("GET", "training_runs/" + m)["lora_rank"], 4)
        for k in d.ask("GET", "checkpoints?limit=100")["checkpoints"]:  # each is whole
            r = d.wait(d.post("load_weights", session_id=d.id, model_seq_id=len(d.numbers) + 100,
                              path=k["tinker_path"], optimizer=True))
            self.assertEqual(r.get("type"), "load_weights", r)
            d.numbers[r["model_id"]] = 0
        loaded = d.wait(d.post("load_weights", session_id=d.id, model_seq_id=0, path=path, optimizer=True))["model_id"]
        d.numbers[loaded] = 0
        for _ in range(2):
            d.train(loaded, data)
            d.step(loaded)
        self.assertEqual(flat(d.train(loaded, data, path="forward")), wanted)  # the same bits as the run that went on
        self.assertEqual(self.s.end(), 0)


if __name__ == "__main__":
    unittest.main()
