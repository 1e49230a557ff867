#!/usr/bin/env python3
"""Keys with owners, scopes and quotas at a server of the Tinker API: what one tenant sees of another (nothing),
what a key may not, and what is told beyond a quota."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import server as tinker
from server import HOCKET, MODEL, client, datum, forward_backward_bytes, refused, server, texts

TENANTS = {
    "ann": "",
    "bob": "",
    "sam": "scopes=sample",
    "tim": "scopes=train",
    "eve": "scopes=admin",
    "one": "models=1",
    "last": "models=1",
    "full": "stored_mib=1",
    "slow": "tokens_per_minute=6",
    "few": "futures=2",
}
KEYS = {name: f"tml-test-of-tenants-{name}" for name in TENANTS}


def setUpModule():
    """One server for all: starting it is most of what a test here takes."""
    global folder, running
    folder = tempfile.mkdtemp(prefix="hocket-tenants-")
    tinker.tiny_model.write(os.path.join(folder, "model"))
    with open(os.path.join(folder, "tinker.keys"), "w") as f:
        for name, more in TENANTS.items():
            f.write(f"{name} sha256:{hashlib.sha256(KEYS[name].encode()).hexdigest()} {more}\n")
    running = server(folder, "--keys", os.path.join(folder, "tinker.keys"))


def tearDownModule():
    if running.process.poll() is None:
        running.end()
    shutil.rmtree(folder)


class case(tinker.case):
    @classmethod
    def setUpClass(cls):
        cls.folder, cls.keys, cls.s = folder, KEYS, running

    @classmethod
    def tearDownClass(cls):
        pass  # the module ends it

    def client(self, name="ann"):
        c = client(self.s, self.keys[name])
        c.session()
        return c

    def user_error(self, answer, words):
        self.assertEqual(answer.get("category"), "user", answer)
        self.assertIn(words, answer["error"])


def answer_of(c, method, path, body=None, headers=(), prefix="/api/v1/"):
    """Status and words, whatever it is."""
    try:
        raw = c.ask(method, path, body, headers, raw=True, prefix=prefix)
        return 200, raw.decode(errors="replace")
    except refused as e:
        return e.status, e.text


class isolation(case):
    """What is another's is answered as what never was: the same status, the same words but for the name."""

    def test_nothing_of_another_can_be_read_changed_or_guessed(self):
        a, b = self.client("ann"), self.client("bob")
        m = a.model()
        data = [datum(t) for t in texts(2)]
        a.train(m, data)
        a.step(m)
        wanted = a.train(m, data, path="forward")["loss_fn_outputs"]
        paths = {kind: a.do(call, m, path="w")["path"] for kind, call in (
            ("weights", "save_weights"), ("sampler_weights", "save_weights_for_sampler"),
            ("external_weights", "save_weights_external"))}
        sampler = a.do("save_weights_for_sampler", m, sampling_session_seq_id=3)["sampling_session_id"]
        future = a.send("optim_step", m, adam_params={})["request_id"]
        a.wait({"request_id": future})
        pending = a.post("optim_step", model_id=m, seq_id=a.numbers[m] + 2, adam_params={})["request_id"]
        gone = {a.id: "sess-" + "0" * 32, future: "req-" + "1" * 32, pending: "req-" + "2" * 32}
        def never(text):  # the same request for what never was
            for real, other in gone.items():
                text = text.replace(real, other)
            return text
        one = dict(forward_backward_input=dict(data=data, loss_fn="cross_entropy"))
        prompt = dict(num_samples=1, prompt={"chunks": [{"type": "encoded_text", "tokens": [65, 66]}]},
                      sampling_params={"max_tokens": 1})
        run = f"training_runs/{m}/checkpoints"
        w, sw = paths["weights"], paths["sampler_weights"]
        table = [
            ("POST", "session_heartbeat", dict(session_id=a.id)),
            ("POST", f"sessions/{a.id}/finish", {}),
            ("GET", f"sessions/{a.id}", None),
            ("PUT", f"sessions/{a.id}/project", dict(project_id="p")),
            ("GET", f"sessions/{a.id}/trace_export", None),
            ("POST", "create_model", dict(session_id=a.id, model_seq_id=0, base_model=MODEL, lora_config=dict(rank=4))),
            ("POST", "create_model", dict(session_id=a.id, model_seq_id=5, base_model=MODEL, lora_config=dict(rank=4))),
            ("POST", "load_weights", dict(session_id=a.id, model_seq_id=0, path=w, optimizer=False)),
            ("POST", "create_sampling_session", dict(session_id=a.id, sampling_session_seq_id=3, base_model=MODEL)),
            ("POST", "get_info", dict(model_id=m)),
            ("POST", "unload_model", dict(model_id=m)),
            ("POST", "forward_backward", dict(model_id=m, seq_id=99, **one)),
            ("POST", "forward", dict(model_id=m, seq_id=99, forward_input=one["forward_backward_input"])),
            ("POST", "optim_step", dict(model_id=m, seq_id=1, adam_params={})),
            ("POST", "save_weights", dict(model_id=m, seq_id=99, path="x")),
            ("POST", "save_weights_for_sampler", dict(model_id=m, seq_id=99, path="x")),
            ("POST", "save_weights_for_sampler", dict(model_id=m, seq_id=99, sampling_session_seq_id=3)),
            ("POST", "save_weights_external", dict(model_id=m, seq_id=99, path="x")),
            ("POST", "load_state", dict(model_id=m, seq_id=99, path=w, optimizer=False)),
            ("POST", "retrieve_future", dict(request_id=future)),
            ("POST", "retrieve_future", dict(request_id=pending)),
            ("POST", "cancel_future", dict(request_id=pending)),
            ("GET", f"samplers/{sampler}", None),
            ("POST", "asample", dict(sampling_session_id=sampler, seq_id=0, **prompt)),
            ("POST", "join_sampling_session", dict(sampling_session_id=sampler)),
            ("POST", "retrieve_futures", dict(prev_cursor=0, target=dict(
                type="sampling_session", sampling_session_id=sampler, cloned_sampler_id=0))),
            ("GET", f"training_runs/{m}", None),
            ("GET", run, None),
            *((method, f"{run}/{kind}/w{more}", body) for kind in paths for method, more, body in (
                ("GET", "", None), ("DELETE", "", None), ("PUT", "/ttl", dict(ttl_seconds=60)), ("POST", "/publish", {}),
                ("DELETE", "/publish", None), ("GET", "/external_weights_urls", None), ("GET", "/archive", None))),
            *(("POST", "weights_info", dict(tinker_path=p)) for p in paths.values()),
            ("POST", "copy_weights", dict(source_path=w)),
            ("POST", "create_sampling_session", dict(session_id=b.id, sampling_session_seq_id=9, model_path=sw)),
            ("POST", "asample", dict(model_path=sw, **prompt)),
            ("POST", "load_weights", dict(session_id=b.id, model_seq_id=9, path=w, optimizer=True)),
            ("POST", "oai:completions", dict(model=sw, prompt="x", max_tokens=1)),
            ("POST", "oai:chat/completions", dict(model=sw, messages=[dict(role="user", content="x")], max_tokens=1)),
        ]
        self.assertGreaterEqual(len(table), 40)
        for method, path, body in table:
            with self.subTest(method=method, path=never(path)):
                prefix = "/oai/api/v1/" if path.startswith("oai:") else "/api/v1/"
                path = path.removeprefix("oai:")
                got = answer_of(b, method, path, body, prefix=prefix)
                other = answer_of(b, method, never(path), body and json.loads(never(json.dumps(body))), prefix=prefix)
                self.assertEqual((got[0], never(got[1])), (other[0], never(other[1])))
                if not path.endswith("/project"):  # nothing is kept of that
                    self.assertIn(got[0], (403, 404, 410), got[1])
        raw = forward_backward_bytes(m, 99, texts(1)[0])
        self.assertEqual(answer_of(b, "POST", "forward_backward", raw, {"Content-Type": "application/x-protobuf"})[0], 404)
        for path in ("sessions", "training_runs", "checkpoints", "training_runs?access_scope=owned", "checkpoints?limit=100"):
            self.assertNotIn(a.id, answer_of(b, "GET", path)[1])
        self.assertNotIn(a.id, answer_of(b, "POST", "sessions/search", {})[1])
        self.assertNotIn(a.id, answer_of(b, "GET", "models", prefix="/oai/api/v1/")[1])
        self.assertEqual(answer_of(b, "GET", "files/" + "0" * 32 + "/archive.tar", prefix="/")[0], 404)
        # It is all as it was.
        a.numbers[m] += 1
        a.post("optim_step", model_id=m, seq_id=a.numbers[m], adam_params=dict(learning_rate=0))
        a.numbers[m] += 1
        self.assertNotIn("error", a.wait({"request_id": pending}))
        for p in paths.values():
            self.assertEqual(answer_of(a, "GET", "training_runs/" + p.removeprefix("tinker://").replace(m, m + "/checkpoints", 1))[0], 200)
        d = self.client("ann")
        k = d.wait(d.post("load_weights", session_id=d.id, model_seq_id=0, path=w, optimizer=True))["model_id"]
        d.numbers[k] = 0
        self.assertEqual(d.train(k, data, path="forward")["loss_fn_outputs"], wanted)

    def test_keys_that_are_none(self):
        for key in ("", "tml-", "tml-nobody-has-this-one", self.keys["ann"][:-1], self.keys["ann"] + "x", "ann"):
            self.assertEqual(answer_of(client(self.s, key), "POST", "create_session", {})[0], 401)
        bearer = client(self.s, "")
        self.assertEqual(answer_of(bearer, "GET", "models", headers={"Authorization": "Bearer " + self.keys["ann"], "X-API-Key": ""},
                                   prefix="/oai/api/v1/")[0], 200)

    def test_a_sampler_has_no_end_of_clones(self):
        c = self.client("bob")
        s = c.post("create_sampling_session", session_id=c.id, sampling_session_seq_id=0, base_model=MODEL)["sampling_session_id"]
        for clone in range(1_200):
            got = c.post("retrieve_futures", prev_cursor=0, timeout=0, target=dict(
                type="sampling_session", sampling_session_id=s, cloned_sampler_id=clone))
            self.assertEqual(got, {"completions": [], "cursor": 0})
        sent = c.post("asample", sampling_session_id=s, seq_id=5_000_000_000_000, num_samples=1, sampling_params={"max_tokens": 1},
                      prompt={"chunks": [{"type": "encoded_text", "tokens": [65, 66]}]})["request_id"]
        self.assertEqual(len(c.wait({"request_id": sent})["sequences"]), 1)
        done = c.post("retrieve_futures", prev_cursor=0, target=dict(
            type="sampling_session", sampling_session_id=s, cloned_sampler_id=5_000))
        self.assertEqual([x["request_id"] for x in done["completions"]], [sent])

    def test_samplers_of_checkpoints_are_read_again(self):
        c = self.client("bob")
        m = c.model()
        path = c.do("save_weights_for_sampler", m, path="s")["path"]
        def opened(n):
            return c.post("create_sampling_session", session_id=c.id, sampling_session_seq_id=n, model_path=path)["sampling_session_id"]
        first = opened(0)
        wanted = c.logprobs(first, texts(1)[0], 0)
        for n in range(1, 70):  # more than are held
            last = opened(n)
        self.assertEqual(c.logprobs(first, texts(1)[0], 1), wanted)
        self.assertEqual(c.logprobs(last, texts(1)[0], 0), wanted)


    def test_a_sampler_never_changes_its_weights(self):
        c = self.client("bob")
        m = c.model()
        path = c.do("save_weights_for_sampler", m, path="s")["path"]
        def opened(n):
            return c.post("create_sampling_session", session_id=c.id, sampling_session_seq_id=n, model_path=path)["sampling_session_id"]
        first = opened(0)
        wanted = c.logprobs(first, texts(1)[0], 0)
        for n in range(1, 70):  # more than are held: its adapter is to be read again
            opened(n)
        c.train(m, [datum(t) for t in texts(2)])
        c.step(m)
        self.assertEqual(c.do("save_weights_for_sampler", m, path="s", overwrite=True)["path"], path)
        self.refuses(410, "was overwritten", lambda: c.logprobs(first, texts(1)[0], 1))
        self.assertNotEqual(c.logprobs(opened(70), texts(1)[0], 0), wanted)

    def test_an_unnamed_sampler_that_is_made_anew_stays(self):
        c = self.client("bob")
        m = c.model()
        for _ in range(66):  # more than are held
            s = c.do("save_weights_for_sampler", m, sampling_session_seq_id=0)["sampling_session_id"]
        self.assertEqual(len(c.logprobs(s, texts(1)[0], 0)), 9)


class scopes(case):
    def forbidden(self, c, words, method, path, body=None, prefix="/api/v1/"):
        """However the path is written: each of these reaches the same route."""
        name, _, query = path.partition("?")
        for written in (name, name + "/", name + "//", name.replace("/", "//"), name + "%2F", name.replace("/", "%2f"),
                        "/" + name, name[0].replace(name[0], f"%{ord(name[0]):02x}") + name[1:]):
            for asked in (query and "?" + query, "?x" + (query and "&" + query)):
                with self.subTest(method=method, path=written + asked), self.assertRaises(refused) as caught:
                    c.ask(method, written + asked, body if body is not None or method == "GET" else {}, prefix=prefix)
                self.assertEqual(caught.exception.status, 403, caught.exception.text)
                self.assertIn(words, caught.exception.text)
                self.assertEqual(caught.exception.headers.get("x-should-retry"), "false")

    def test_a_key_may_what_its_scopes_say(self):
        ann, sam, tim, eve = (self.client(n) for n in ("ann", "sam", "tim", "eve"))
        m = tim.model()
        path = tim.do("save_weights", m, path="w")["path"]
        for call in ("create_model", "unload_model", "forward_backward", "forward", "optim_step", "save_weights",
                     "save_weights_for_sampler", "load_weights", "load_state", "copy_weights", "create_custom_loss"):
            self.forbidden(sam, "may not train", "POST", call)
        for call in ("asample", "create_sampling_session", "join_sampling_session", "retrieve_futures"):
            self.forbidden(tim, "may not sample", "POST", call)
        for call in ("completions", "chat/completions"):
            self.forbidden(tim, "permission_error", "POST", call, prefix="/oai/api/v1/")
        run = f"training_runs/{m}/checkpoints/weights/w"
        self.forbidden(tim, "may not export", "POST", "save_weights_external")
        for what in ("external_weights_urls", "archive"):
            self.forbidden(tim, "may not export", "GET", f"{run}/{what}")
        self.forbidden(tim, "may not export", "POST", run + "/publish")
        s = sam.post("create_sampling_session", session_id=sam.id, sampling_session_seq_id=0, base_model=MODEL)["sampling_session_id"]
        self.assertEqual(len(sam.logprobs(s, texts(1)[0], 0)), 9)
        # Who is in charge sees and deletes, and reads nothing.
        for c in (ann, tim):
            for what in ("checkpoints", "training_runs"):
                self.forbidden(c, "needs a key with the scope admin", "GET", what + "?access_scope=all")
        listed = eve.ask("GET", "checkpoints?access_scope=all&limit=1000")["checkpoints"]
        self.assertEqual([k["owner"] for k in listed if k["tinker_path"] == path], ["tim"])
        self.assertIn(m, [r["training_run_id"] for r in eve.ask("GET", "training_runs?access_scope=all&limit=1000")["training_runs"]])
        self.assertEqual(eve.ask("GET", "checkpoints")["checkpoints"], [])
        self.forbidden(eve, "may not export", "GET", run + "/archive")
        self.forbidden(eve, "may not train", "PUT", run + "/ttl", dict(ttl_seconds=5))
        eve.ask("DELETE", run)
        self.refuses(404, "not found", lambda: tim.ask("GET", run))
        me = sam.ask("GET", "auth/apikey/me")
        self.assertEqual((me["key_id"], me["scopes"]), ("sam", ["sample"]))
        with open(os.path.join(self.folder, "tinker.keys")) as f:
            self.assertNotIn(self.keys["sam"], f.read())

    def test_a_further_key_of_an_owner_has_its_quotas(self):
        with tempfile.TemporaryDirectory() as own:
            def make(*more):
                return subprocess.run([HOCKET, "keys", "api", "lab", *more, "--dir", own, "--json"], capture_output=True, text=True)
            self.assertEqual(make("--models", "3", "--tokens-per-minute", "600").returncode, 0)
            made = make("--scopes", "sample")
            self.assertEqual(made.returncode, 0, made.stderr)
            path = os.path.join(own, "tinker.keys")
            with open(path) as f:
                text = f.read()
            lines = [x for x in text.splitlines() if x.startswith("lab ")]
            self.assertEqual([x.split()[3:] for x in lines], [["models=3", "tokens_per_minute=600"]] * 2)
            other = make("--models", "4")
            self.assertEqual(other.returncode, 2, other.stderr)
            self.assertIn("its quotas are others than those of line", other.stderr)
            with open(path) as f:
                self.assertEqual(f.read(), text)

    def test_a_key_that_cannot_be_made(self):
        for words, more in (("scopes are", ["x", "--scopes", "train,root"]), ("cannot be a key's name", ["a b"])):
            made = subprocess.run([HOCKET, "keys", "api", *more, "--dir", self.folder], capture_output=True, text=True)
            self.assertEqual(made.returncode, 2, made.stderr)
            self.assertIn(words, made.stderr)


class quotas(case):
    def test_models_at_once(self):
        c = self.client("one")
        m = c.model()
        make = lambda n: c.wait(c.post("create_model", session_id=c.id, model_seq_id=n, base_model=MODEL, lora_config=dict(rank=4)))
        self.user_error(make(1), "QuotaExceeded")
        again = c.post("create_model", session_id=c.id, model_seq_id=0, base_model=MODEL, lora_config=dict(rank=4))
        self.assertEqual(c.wait(again)["model_id"], m)  # sent again
        path = c.do("save_weights", m, path="w")["path"]
        self.user_error(c.wait(c.post("load_weights", session_id=c.id, model_seq_id=2, path=path, optimizer=False)), "QuotaExceeded")
        self.assertEqual(c.ask("GET", "auth/apikey/me")["quotas"]["models"], {"used": 1, "limit": 1})
        c.wait(c.post("unload_model", model_id=m))
        self.assertEqual(make(3)["type"], "create_model")
        d = self.client("ann")  # another's quota is its own
        d.model()

    def test_a_model_that_failed_takes_no_room(self):
        c = self.client("last")
        with_no_moments = lambda n: c.wait(c.post("load_weights", session_id=c.id, model_seq_id=n, path=saved, optimizer=True))
        first = c.model(0)
        saved = c.do("save_weights_for_sampler", first, path="s")["path"]
        c.wait(c.post("unload_model", model_id=first))
        self.assertIn("no optimizer state", with_no_moments(1)["error"])
        self.becomes(lambda: c.ask("GET", "auth/apikey/me")["quotas"]["models"]["used"] == 0, "it counts")
        c.model(2)

    def test_stored_bytes(self):
        c = self.client("full")
        m = c.model(rank=16)
        kept, told = [], None
        for n in range(100):
            told = c.do("save_weights", m, path=f"w{n}")
            if "error" in told:
                break
            kept.append(told["path"])
        self.user_error(told, "QuotaExceeded")
        used = c.ask("GET", "auth/apikey/me")["quotas"]["stored_bytes"]
        self.assertLessEqual(used["used"], used["limit"])
        self.assertTrue(kept)
        self.assertEqual(c.do("save_weights", m, path="w0", overwrite=True)["path"], kept[0])  # in its own place
        copy = answer_of(c, "POST", "copy_weights", dict(source_path=kept[0]))
        self.assertEqual(copy[0], 400)
        self.assertIn("QuotaExceeded", copy[1])
        self.assertEqual(sorted(x for x in os.listdir(os.path.join(self.folder, "out", "runs")) if x.startswith("copy-")), [])
        c.ask("DELETE", f"training_runs/{m}/checkpoints/weights/w0")
        self.assertIn("path", c.do("save_weights", m, path="after"))

    def until_refused(self, words, ask):
        """Each try that is let through takes a whole minute's tokens: of two in one minute the second is refused. A
        slow machine needs some more."""
        for _ in range(20):
            try:
                ask()
            except refused as e:
                self.assertEqual(e.status, 429, e.text)
                self.assertIn(words, e.text)
                return e
        self.fail("twenty requests took a minute's tokens each, and none was refused")

    def test_tokens_of_a_minute(self):
        c = self.client("slow")  # six, of which one comes back in ten seconds
        m = c.model()
        self.user_error(c.train(m, [datum(texts(1, 9)[0])]), "QuotaExceeded")  # never: and the order goes on
        self.assertNotIn("error", c.train(m, [datum(texts(1, 5)[0])]))
        e = self.until_refused("come again", lambda: self.assertNotIn("error", c.train(m, [datum(texts(1, 7)[0])])))
        self.assertNotEqual(e.headers.get("x-should-retry"), "false")
        self.assertIn("retry-after", {k.lower() for k in e.headers})
        c.numbers[m] -= 1  # nothing was kept of it
        self.assertNotIn("error", c.step(m))
        s = c.post("create_sampling_session", session_id=c.id, sampling_session_seq_id=0, base_model=MODEL)["sampling_session_id"]
        numbers = iter(range(100))
        def sample(tokens, new):
            return c.wait(c.post("asample", sampling_session_id=s, seq_id=next(numbers), num_samples=1,
                                 sampling_params={"max_tokens": new},
                                 prompt={"chunks": [{"type": "encoded_text", "tokens": texts(1, tokens)[0]}]}))
        self.until_refused("come again", lambda: self.assertNotIn("error", sample(5, 1)))
        self.user_error(sample(9, 1), "QuotaExceeded")
        self.user_error(sample(2, 5), "QuotaExceeded")  # what it may sample counts
        ask = lambda tokens, **more: c.ask("POST", "completions", dict(model=MODEL, prompt=[65] * tokens, max_tokens=1, **more), prefix="/oai/api/v1/")
        self.until_refused("rate_limit_error", lambda: ask(5))
        self.refuses(400, "QuotaExceeded", lambda: ask(9))
        self.refuses(400, "QuotaExceeded", lambda: ask(1, n=6))

    def test_futures_that_wait(self):
        c = self.client("few")
        m = c.model()
        for n in (5, 6):  # they wait for those before them
            c.post("optim_step", model_id=m, seq_id=n, adam_params={})
        e = self.refuses(429, "too many requests", lambda: c.post("optim_step", model_id=m, seq_id=7, adam_params={}))
        self.assertNotEqual(e.headers.get("x-should-retry"), "false")
        c.post("optim_step", model_id=m, seq_id=5, adam_params={})  # sent again: no further one
        self.assertEqual(c.ask("GET", "auth/apikey/me")["quotas"]["futures"], {"used": 2, "limit": 2})
        self.refuses(400, "QuotaExceeded: 3 prompts", lambda: c.ask(
            "POST", "completions", dict(model=MODEL, prompt=[[65], [66], [67]], max_tokens=1), prefix="/oai/api/v1/"))


class wrong(case):
    def test_an_adapter_of_another_rank_is_not_loaded_over_a_model(self):
        c = self.client()
        a, b = c.model(0, rank=4), c.model(1, rank=8)
        path = c.do("save_weights", a, path="four")["path"]
        self.user_error(c.do("load_state", b, path=path, optimizer=False), "has rank 4, and this model has 8")
        self.assertNotIn("error", c.train(b, [datum(texts(1)[0])]))

    def test_small_bodies_of_large_tensors(self):
        c = self.client()
        m = c.model()
        d = datum(texts(1)[0])
        rows = 9
        d["loss_fn_inputs"]["weights"] = {"data": [], "dtype": "float32", "shape": [rows, 400_000],
                                          "sparse_crow_indices": [0] * (rows + 1), "sparse_col_indices": []}
        self.user_error(c.train(m, [d] * 20), "send fewer data at once")


if __name__ == "__main__":
    unittest.main()
