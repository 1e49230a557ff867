#!/usr/bin/env python3
"""A server of the Tinker API with a ledger: cards, gates, incidents, erasure."""

import hashlib
import itertools
import json
import os
import subprocess
import unittest

import tiny_model
from server import HOCKET, MODEL, case, datum, server, texts


class governed(case):
    """A server with a ledger: cards of checkpoints, and an incident that stops one everywhere."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s.end()
        cls.ledger = os.path.join(cls.folder, "book.db")
        cls.s = server(cls.folder, "--ledger", cls.ledger)

    def hocket(self, *args):
        return subprocess.run([HOCKET, *args, "--ledger", self.ledger], capture_output=True, text=True, timeout=300)

    def test_an_incident_stops_a_checkpoint(self):
        c, number = self.client(), itertools.count()
        m = c.model()
        path = c.do("save_weights_for_sampler", m, path="s1", kind="snapshot")["path"]
        other = c.do("save_weights_for_sampler", m, path="s2", kind="snapshot")["path"]
        state = c.do("save_weights", m, path="w1", kind="snapshot")["path"]
        card = json.loads(self.hocket("card", path).stdout)
        self.assertEqual(card["name"], path)
        opened = lambda n, p: c.post("create_sampling_session", session_id=c.id, sampling_session_seq_id=n,
                                     model_path=p)["sampling_session_id"]
        sampler, second = opened(1, path), opened(2, other)
        asks = lambda: c.logprobs(sampler, texts(1)[0], next(number))
        asks()
        archive = "training_runs/" + m + "/checkpoints/sampler_weights/s1/archive"
        url = c.ask("GET", archive)["url"]
        for each in (path, state):
            self.assertEqual(self.hocket("incident", "open", each, "--reason", "it lies").returncode, 0)
        self.becomes(lambda: self.is_refused("frozen by an incident", asks), "an end of its words")
        self.becomes(lambda: self.is_refused("frozen by an incident", lambda: c.do("load_weights", m, path=state)),
                     "an end of its weights")
        self.refuses(403, "frozen by an incident", asks)
        self.refuses(403, "frozen by an incident", lambda: opened(3, path))
        self.refuses(403, "an incident froze it", lambda: c.ask("GET", archive))
        self.refuses(404, "frozen by an incident", lambda: c.ask("GET", url.split("/", 3)[3], raw=True, prefix="/"))
        self.assertIn("frozen by an incident", json.dumps(c.do("load_weights", m, path=state)))
        c.logprobs(second, texts(1)[0], 0)  # another one is served on
        for each in (path, state):
            self.assertEqual(self.hocket("incident", "close", each, "--reason", "mended").returncode, 0)
        self.becomes(lambda: not self.is_refused("frozen by an incident", asks), "it is served again")
        asks()
        self.assertEqual(self.hocket("audit", "verify").returncode, 0)

    def test_a_checkpoint_without_its_card_gets_it(self):
        # As after an end between the two: saved where no ledger was, then by a server that has one.
        self.s.end()
        type(self).s = server(self.folder)
        c = self.client()
        path = c.do("save_weights_for_sampler", c.model(), path="early", kind="snapshot")["path"]
        self.assertIn("nothing is known", self.hocket("card", path).stderr)
        self.s.end()
        type(self).s = server(self.folder, "--ledger", self.ledger)
        self.assertEqual(json.loads(self.hocket("card", path).stdout)["name"], path)
        cards = lambda: self.hocket("audit", "list", "--json").stdout.count('"card"')
        before = cards()
        self.s.end()
        type(self).s = server(self.folder, "--ledger", self.ledger)
        self.assertEqual(cards(), before)  # once
        owner = "key-" + hashlib.sha256(b"tml-test-one").hexdigest()[:24]
        self.assertEqual(self.hocket("audit", "erase", owner, "--reason", "asked").returncode, 0)
        self.s.end()
        type(self).s = server(self.folder, "--ledger", self.ledger)
        self.assertTrue(json.loads(self.hocket("card", path).stdout)["erased"])  # and stays so

    def test_an_incident_holds_for_what_was_made_of_the_checkpoint(self):
        c = self.client()
        state = c.do("save_weights", c.model(), path="w2", kind="snapshot")["path"]
        m = c.model(1)
        self.assertEqual(c.do("load_weights", m, path=state)["path"], state)
        unnamed = lambda n: c.do("save_weights_for_sampler", m, sampling_session_seq_id=n)
        sampler, number = unnamed(7)["sampling_session_id"], itertools.count()
        asks = lambda: c.logprobs(sampler, texts(1)[0], next(number))
        asks()
        saved = c.do("save_weights_for_sampler", m, path="child")["path"]
        self.assertEqual(json.loads(self.hocket("card", saved).stdout)["parent"], state)
        self.assertEqual(self.hocket("incident", "open", state, "--reason", "it lies").returncode, 0)
        self.becomes(lambda: self.is_refused("frozen by an incident", asks), "an end of its words")
        self.refuses(403, "frozen by an incident", asks)
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
        proof = [e for r in rows() if r["kind"] == "erased" for e in r["body"]["entries"]]
        self.assertIn({"seq": before["seq"], "sha256": before["body_sha256"]}, proof)
        self.assertEqual(self.hocket("audit", "verify").returncode, 0)


class other_model(case):
    """A server that was started with other weights under the old name."""

    def test_a_checkpoint_of_another_model_is_refused_by_name(self):
        ledger = os.path.join(self.folder, "book.db")
        c = self.client()
        m = c.model()
        paths = [c.do("save_weights", m, path="w1", kind="snapshot")["path"],
                 c.do("save_weights_for_sampler", m, path="s1", kind="snapshot")["path"]]
        self.s.end()
        tiny_model.write(os.path.join(self.folder, "model"), seed=2)
        type(self).s = server(self.folder)  # nobody asks for gates
        c = self.client()
        self.assertEqual(c.do("load_weights", c.model(), path=paths[0]).get("path"), paths[0])
        self.s.end()
        type(self).s = server(self.folder, "--ledger", ledger)
        c = self.client()
        m = c.model()
        self.assertIn("it was made on `" + MODEL, json.dumps(c.do("load_weights", m, path=paths[0])))
        self.refuses(403, "it was made on", lambda: c.post(
            "create_sampling_session", session_id=c.id, sampling_session_seq_id=1, model_path=paths[1]))
        done = subprocess.run([HOCKET, "card", paths[0], "--override", "load", "--reason", "a test",
                               "--ledger", ledger], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(c.do("load_weights", m, path=paths[0]).get("path"), paths[0])


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
        told = lambda: subprocess.run([HOCKET, "audit", "refused", "--json", "--ledger", self.ledger],
                                      capture_output=True, text=True, timeout=300).stdout.splitlines()
        refused = lambda: {(r["name"], r["gate"]): r["refused_as"] for r in map(json.loads, told())}
        self.assertIn("no evaluation has `held_out`", json.dumps(c.do("load_weights", m, path=path)))
        self.assertEqual(refused().get((path, "load")), ["no_score"])
        done = subprocess.run([HOCKET, "card", path, "--override", "load", "--reason", "a test", "--ledger", self.ledger],
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(c.do("load_weights", m, path=path).get("path"), path)
        self.assertNotIn((path, "load"), refused())


if __name__ == "__main__":
    unittest.main()
