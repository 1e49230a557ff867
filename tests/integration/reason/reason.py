#!/usr/bin/env python3
"""reason.py HOCKET REPOSITORY WORK: conversations of reason.yaml in virtual time with a scripted endpoint."""
import json
import os
import shutil
import socket
import subprocess
import sys

from endpoint import Endpoint

hocket, tree, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
graph = os.path.join(tree, "configs/graphs/reason.yaml")
sys.path.insert(0, os.path.join(tree, "configs/graphs/reason"))
import talk  # noqa: E402

KEY = "sk-canary-4711"
DOG = (1.0, "what is the name of the dog")
PARIS = (12.0, "what is the weather in paris")


def speech(name, said, end_s):
    talk.SAID, talk.END_S = said, end_s
    path = os.path.join(work, name)
    talk.speak(path)
    return path


class Talk:
    """One conversation: what was asked, called and told."""

    def __init__(self, name, sound, url, *options, key=KEY):
        out = os.path.join(work, name)
        planner = {"use": "language", "openai.base_url": url, "openai.model": "scripted", "model": "",
                   "openai.key_env": "REASON_TEST_KEY"}
        sets = [s for k, v in planner.items() for s in ("--set", f"actors.mind.planner.{k}={v}")]
        done = subprocess.run(
            [hocket, "run", graph, "--virtual", "--out", out, "--param", f"speech={sound}",
             "--param", f"inside=127.0.0.1:{pages.server_port}", *sets, *options],
            cwd=tree, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600,
            env={**os.environ, "REASON_TEST_KEY": key})
        self.said = done.stdout + done.stderr
        assert done.returncode == 0, (name, done.returncode, self.said[-3000:])
        self.lines = self.read(os.path.join(out, "record.jsonl"))
        self.log = "\n".join(json.dumps(e) for e in self.read(os.path.join(out, "events.jsonl")))
        for folder, _, files in os.walk(out):
            for file in files:
                with open(os.path.join(folder, file), "rb") as f:
                    assert key.encode() not in f.read(), f"{file} holds the key"
        assert key not in self.said

    @staticmethod
    def read(path):
        with open(path, encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def of(self, kind):
        return [line for line in self.lines if line.get("kind") == kind]

    def told(self, request):
        """The words that are told of a request in the end, and how many ends it has."""
        words, ends = [], 0
        for line in self.of("results"):
            if line.get("request") != request:
                continue
            if line.get("replaces"):
                words = []
            words.append(line["text"])
            ends += line.get("final", True)
        return " ".join(words), ends

    def asked(self, *words):
        """The number of the request whose task has these words."""
        found = [d["request"] for d in self.of("delegations") if all(w in d["task"].split() for w in words)]
        assert len(found) == 1, (words, [d["task"] for d in self.of("delegations")])
        return found[0]

    def each_ended_once(self):
        superseded = {d.get("supersedes") for d in self.of("delegations")} - {None}
        for d in self.of("delegations"):
            ends = self.told(d["request"])[1]
            assert ends == (0 if d["request"] in superseded else 1), (d, ends)
        calls, results = self.of("tool_calls"), self.of("tool_results")
        assert sorted(c["call"] for c in calls) == sorted(r["call"] for r in results)


def three_delegations():
    """Two tools in a row, a correction while it runs, a page from a local server; answers judged."""
    sound = speech("person.wav", [(1.0, "what is the name of the dog"), (13.0, "what is seven times eight"),
                                  (16.2, "no seven times nine"), (27.0, "what is the weather in paris")], 36.0)
    model = Endpoint()
    talks = [Talk(name, sound, model.url) for name in ("first", "second")]
    t = talks[0]
    t.each_ended_once()
    assert t.told(t.asked("dog"))[0] == "rex he is brown and loves and more", t.told(t.asked("dog"))
    assert t.told(t.asked("paris"))[0] == "it is windy in paris", t.told(t.asked("paris"))
    nine = [d for d in t.of("delegations") if d.get("supersedes")]
    assert len(nine) == 1, t.of("delegations")
    assert t.told(nine[0]["request"])[0] == "it is sixty three", t.told(nine[0]["request"])
    assert t.told(nine[0]["supersedes"]) == ("", 0), "what was corrected is told"
    order = [c["tool"] for c in t.of("tool_calls")]
    assert order == ["web.search", "web.fetch", "calculator", "calculator", "web.search", "web.fetch"], order
    assert all(r["status"] == "ok" for r in t.of("tool_results")), t.of("tool_results")
    assert set(model.keys) == {f"Bearer {KEY}"}
    assert all(body["stream"] for body in model.asked)
    # The same again, word for word and at the same times.
    assert [(r["t_ms"], r["text"]) for r in t.of("results")] == \
        [(r["t_ms"], r["text"]) for r in talks[1].of("results")]
    model.close()
    return t


def misbehaving(sound):
    """Each a clear sentence, and the conversation goes on."""
    once = ("--set", "actors.mind.planner.retries=1")
    # A step's limit is real time: short where something is to exceed it, and long enough for a busy machine.
    quick = (*once, "--set", "actors.mind.planner.step_ms=8000")
    cases = {
        "breaks": (["breaks"], "the endpoint's answer broke off"),
        "garbage": (["garbage", "garbage"], "the endpoint's answer is no JSON object"),
        "slow": ("slow", "took too long"),
        "limited": (["status 429 3600"], "HTTP status 429: slow down"),
        "broken": ("status 500", "HTTP status 500"),
        "refuses": ("status 401", "`key_env` names the variable with the key"),
    }
    for name, (mood, sentence) in cases.items():
        model = Endpoint({"dog": mood})
        t = Talk(name, sound, model.url, *(quick if name == "slow" else once))
        t.each_ended_once()
        assert t.told(t.asked("dog"))[0] == "no result", (name, t.told(t.asked("dog")))
        assert t.told(t.asked("paris"))[0] == "it is windy in paris", (name, t.told(t.asked("paris")))
        assert sentence in t.log, (name, [e for e in t.log.splitlines() if "request" in e])
        model.close()
    model = Endpoint({"dog": ["status 429 1", "status 503"]})
    t = Talk("patient", sound, model.url, "--set", "actors.mind.planner.retries=3")
    assert t.told(t.asked("dog"))[0].startswith("rex"), t.told(t.asked("dog"))
    model.close()


def nobody_there(sound):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    t = Talk("down", sound, f"http://127.0.0.1:{port}/v1", "--set", "actors.mind.planner.retries=0")
    t.each_ended_once()
    assert [t.told(t.asked(w))[0] for w in ("dog", "paris")] == ["no result"] * 2
    assert "connect" in t.log, t.log[-2000:]


def another_name(sound):
    """A certificate that is trusted, and is for somebody else."""
    if shutil.which("openssl") is None:
        return print("no openssl: the case of another name is left out")
    key, certificate = os.path.join(work, "key.pem"), os.path.join(work, "certificate.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key,
                    "-out", certificate, "-subj", "/CN=other.example", "-addext",
                    "subjectAltName=DNS:other.example"], check=True, capture_output=True)
    model = Endpoint(certificate=(certificate, key))
    t = Talk("another", sound, model.url, "--set", f"actors.mind.planner.openai.ca_file={certificate}")
    t.each_ended_once()
    assert [t.told(t.asked(w))[0] for w in ("dog", "paris")] == ["no result"] * 2
    assert not model.asked, "it was spoken with"
    assert "certificate" in t.log.lower(), t.log[-2000:]
    model.close()


shutil.rmtree(work, ignore_errors=True)
os.makedirs(work)
pages = talk.serve()
three_delegations()
short = speech("short.wav", [DOG, PARIS], 22.0)
misbehaving(short)
nobody_there(short)
another_name(short)
pages.shutdown()
print("all conversations went as they should")
