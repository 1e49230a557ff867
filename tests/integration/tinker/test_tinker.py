#!/usr/bin/env python3
"""A server of the Tinker API, over HTTP without the SDK."""

import json
import signal
import threading
import unittest

from server import MODEL, case, client, datum, forward_backward_bytes, refused, server, texts


def flat(answer):
    return [x for o in answer["loss_fn_outputs"] for x in o["logprobs"]["data"]]


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

    def test_a_poll_is_told_what_its_request_waits_for(self):
        c = self.client()
        m = c.model()
        late = c.post("optim_step", model_id=m, seq_id=2, adam_params=dict(learning_rate=1e-2))
        told = c.post("retrieve_future", request_id=late["request_id"])  # held for 20 s
        self.assertEqual(told, {"type": "try_again", "request_id": late["request_id"], "queue_state": "active",
                                "queue_state_reason": "it waits for operation 1 of this model, which has not come"})
        c.step(m)
        self.assertIn("metrics", c.wait(late))

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

    def test_tenants_at_once_get_what_they_get_alone(self):
        def life(i, into):
            c = self.client(f"tml-test-crowd-{i}")
            m, data = c.model(seed=i), [datum(t) for t in texts(3, seed=20 + i)]
            for _ in range(4):
                c.train(m, data)
                c.step(m)
            into[i] = flat(c.train(m, data, path="forward"))
        alone, together = {}, {}
        for i in range(3):
            life(i, alone)
        threads = [threading.Thread(target=life, args=(i, together)) for i in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(together, alone)
        self.assertNotEqual(alone[0], alone[1])

    def test_one_poll_for_all_requests_of_a_sampler(self):
        c, d = self.client(), self.client("tml-test-two")
        base = c.post("create_sampling_session", session_id=c.id, sampling_session_seq_id=0, base_model=MODEL)
        s = base["sampling_session_id"]
        self.assertEqual([c.post("join_sampling_session", sampling_session_id=s)["client_counter"] for _ in range(2)], [1, 2])
        def sample(n):
            return c.post("asample", sampling_session_id=s, seq_id=n, num_samples=1, type="sample",
                          prompt={"chunks": [{"type": "encoded_text", "tokens": [65, 66]}]}, sampling_params={"max_tokens": 2})["request_id"]
        def poll(cursor, clone=0, by=c, **more):
            return by.post("retrieve_futures", prev_cursor=cursor, **more,
                           target={"type": "sampling_session", "sampling_session_id": s, "cloned_sampler_id": clone})
        own, clones = [sample(n) for n in range(3)], [sample(1_000_000_000 + n) for n in range(2)]
        for clone, wanted in ((0, own), (1, clones)):
            cursor, seen = 0, []
            while len(seen) < len(wanted):
                got = poll(cursor, clone)
                self.assertGreater(got["cursor"], cursor)
                cursor, seen = got["cursor"], seen + got["completions"]
            self.assertEqual({x["request_id"] for x in seen}, set(wanted))
            self.assertTrue(all(x["state"] == "finished" and x["response_payload_uncompressed_size"] > 0 for x in seen))
            self.assertEqual(poll(cursor, clone, timeout=0, retrieved_request_ids=wanted), {"completions": [], "cursor": cursor})
        self.assertEqual(len(c.post("retrieve_future", request_id=own[0])["sequences"]), 1)
        self.refuses(404, "no sampling session", lambda: poll(0, by=d, timeout=0))
        self.refuses(404, "no sampling session", lambda: d.post("join_sampling_session", sampling_session_id=s))
        self.refuses(400, "target", lambda: c.post("retrieve_futures", target={"type": "everything"}))

    def test_a_checkpoint_is_copied(self):
        c, d = self.client("tml-test-four"), self.client("tml-test-five")
        m = c.model()
        path = c.do("save_weights", m, path="w")["path"]
        copy = lambda by, key, **more: by.ask("POST", "copy_weights", dict(source_path=path, destination_project_id="p", **more),
                                              {"X-Idempotency-Key": key})["tinker_path"]
        self.refuses(404, "not found", lambda: copy(d, "k1"))
        c.ask("POST", f"training_runs/{m}/checkpoints/weights/w/publish", {})
        once = copy(d, "k1", ttl_seconds=3600)
        self.assertTrue(once.endswith("/weights/w"))
        self.assertEqual(copy(d, "k1"), once)  # sent again
        self.assertNotEqual(copy(d, "k2"), once)
        self.assertNotEqual(copy(c, "k1"), once)
        run = once.split("/")[2]
        listed = {k["tinker_path"]: k for k in d.ask("GET", "checkpoints?limit=100")["checkpoints"]}
        self.assertEqual((listed[once]["public"], "expires_at" in listed[once]), (False, True))
        self.assertEqual(d.ask("GET", "training_runs/" + run)["lora_rank"], 4)
        self.refuses(404, "not found", lambda: c.ask("GET", f"training_runs/{run}/checkpoints/weights/w"))
        self.assertEqual(d.post("copy_weights", source_path=path, session_id=d.id, model_seq_id=7)["tinker_path"],
                         f"tinker://{d.id}:train:7/weights/w")
        loaded = d.wait(d.post("load_weights", session_id=d.id, model_seq_id=8, path=once, optimizer=True))
        self.assertEqual(loaded["type"], "load_weights")

    def test_sessions_are_searched(self):
        c = client(self.s, "tml-test-six")
        ids = [c.post("create_session", tags=[], sdk_version="0", display_name=name, user_metadata={"kind": kind})["session_id"]
               for name, kind in (("First of May", "a"), ("second", "b"), ("the first again", "b"))]
        search = lambda **ask: [x["session_id"] for x in c.post("sessions/search", **ask)["sessions"]]
        self.assertEqual(set(search()), set(ids))
        self.assertEqual(set(search(display_name="FIRST")), {ids[0], ids[2]})
        self.assertEqual(search(display_name="again first"), [ids[2]])
        self.assertEqual(set(search(user_metadata={"kind": "b"})), {ids[1], ids[2]})
        self.assertEqual(set(search(session_id=ids[1], display_name="may")), {ids[0], ids[1]})
        c.ask("POST", f"sessions/{ids[1]}/finish", {"reason": {"type": "errored"}})
        self.assertEqual(set(search(statuses=[{"type": "active"}])), {ids[0], ids[2]})
        self.assertEqual(search(statuses=[{"type": "client_finished", "reasons": ["errored"]}]), [ids[1]])
        pages, cursor = [], None
        while True:
            page = c.post("sessions/search", limit=1, cursor=cursor)
            pages += [x["session_id"] for x in page["sessions"]]
            cursor = page["next_cursor"]
            if not cursor:
                break
        self.assertEqual(sorted(pages), sorted(ids))
        self.assertEqual(len(c.ask("GET", "sessions?limit=2")["sessions"]), 2)
        self.assertEqual(client(self.s, "tml-test-seven").post("sessions/search")["sessions"], [])

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
        several = ask("completions", model=MODEL, prompt=["the cat", [65, 66]], n=2, max_tokens=5, temperature=0)
        self.assertEqual([k["index"] for k in several["choices"]], [0, 1, 2, 3])
        self.assertEqual(several["choices"][1]["text"], x["choices"][0]["text"])
        self.assertEqual(several["usage"]["prompt_tokens"], x["usage"]["prompt_tokens"] + 2)
        echoed = ask("completions", model=MODEL, prompt="the cat", max_tokens=5, temperature=0, echo=True)
        self.assertEqual(echoed["choices"][0]["text"], "the cat" + x["choices"][0]["text"])
        self.refuses(400, "echo", lambda: ask("completions", model=MODEL, prompt="x", echo=True, logprobs=1))
        self.refuses(400, "prompt", lambda: ask("completions", model=MODEL, prompt=["a", 3]))
        parts = lambda *p: ask("chat/completions", model=MODEL, messages=[{"role": "user", "content": list(p)}], max_tokens=5,
                               temperature=0)["choices"][0]["message"]
        self.assertEqual(parts({"type": "text", "text": "h"}, {"type": "text", "text": "i"}), y["choices"][0]["message"])
        self.refuses(400, "image_url", lambda: parts({"type": "image_url", "image_url": {"url": "x"}}))
        usage = c.ask("POST", "completions", dict(model=MODEL, prompt="the cat", max_tokens=5, temperature=0, stream=True,
                                                  stream_options={"include_usage": True}), prefix="/oai/api/v1/", raw=True).decode()
        self.assertEqual(json.loads(usage.split("\n\n")[-3][6:])["usage"]["completion_tokens"], 5)
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
