#!/usr/bin/env python3
"""A canary of each class of data is planted in a run; each file and each answer is searched for it."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import unittest
import urllib.error
import urllib.request

from support import case, graph, HOCKET, LIVE, main, SOURCE, status

SECRET = "k4n4ry-2f9d81-secret"
WORD = "Hippopotamus"
# Beside the canary names of the graph, which are figures whoever says them.
SENTENCE = f"the parrot and the echo of today say {WORD}"
GRAPH = graph({
    "mic": LIVE.replace("is-live=true", "is-live=true name='${env:HOCKET_CANARY}'"),
    "ears": "{component: audio.dmel, inputs: {audio: mic.audio}}",
    "keys": "{component: text.console, print: false, script: ['3000 bye']}",
    "parrot": "{component: python.parrot.Parrot, restart: {max: 10}, inputs: {words: keys.text}}",
    "mind": "{component: background.agent, tools: [echo], inputs: {requests: parrot.delegations}}",
    "screen": "{component: text.console, print: false, inputs: {text: mind.results}}",
    "log": "{component: record.events, pii.text: true, inputs: {console: keys.text, delegations: parrot.delegations, "
           "tool_calls: mind.tool_calls, tool_results: mind.tool_results, results: mind.results}}",
    "wav": "{component: record.wav, inputs: {person: mic.audio}}",
    "all": "{component: record.mcap, inputs: {audio: mic.audio, text: keys.text}}",
    "door": "{component: gateway.door, listen: 'tcp://127.0.0.1:0', inputs: {audio: mic.audio}}"})

# What is kept of each class under each policy: class -> (as the graph says, --no-pii).
POLICY = {"figure": (True, True), "word": (True, False), "voice": (True, False), "secret": (False, False)}


def unpacked(data):
    """The bytes of a recording, and behind them what its compressed chunks hold."""
    zstd = ctypes.CDLL("libzstd.so.1")
    for name, kind in (("ZSTD_getFrameContentSize", ctypes.c_ulonglong), ("ZSTD_findFrameCompressedSize", ctypes.c_size_t),
                       ("ZSTD_decompress", ctypes.c_size_t)):
        getattr(zstd, name).restype = kind
    out, at = [data], -1
    while (at := data.find(b"\x28\xb5\x2f\xfd", at + 1)) >= 0:
        rest = data[at:]
        size = zstd.ZSTD_getFrameContentSize(rest, ctypes.c_size_t(len(rest)))
        packed = zstd.ZSTD_findFrameCompressedSize(rest, ctypes.c_size_t(len(rest)))
        if size > 1 << 28 or packed > len(rest):
            continue  # these four bytes by chance
        chunk = ctypes.create_string_buffer(size + 1)
        if zstd.ZSTD_decompress(chunk, ctypes.c_size_t(size), rest, ctypes.c_size_t(packed)) == size:
            out.append(chunk.raw[:size])
    return b"\n".join(out)


class redaction(case):
    def setUp(self):
        super().setUp()
        shutil.copy(os.path.join(SOURCE, "tests/security/parrot.py"), self.folder)
        self.write("g.yaml", GRAPH)
        self.answers = {}

    def get(self, name, url):
        try:
            with urllib.request.urlopen(url, timeout=120) as answer:
                self.answers[name] = answer.read()
        except urllib.error.HTTPError as refusal:  # 503 of /readyz while the parrot is away: an answer, too
            self.answers[name] = refusal.read()

    def events(self):
        return self.read("o/events.jsonl") if os.path.exists(self.path("o/events.jsonl")) else ""

    def run_with(self, *more):
        """One run with everything that writes and answers; `answers`: what each of them said."""
        shutil.rmtree(self.path("o"), ignore_errors=True)
        self.answers = {}
        env = {"HOCKET_CANARY": SECRET}
        run = self.start("run", "g.yaml", "--plugin", "parrot.py", "--out", "o", "--plain", "--record", "o/run.mcap",
                         "--trace", "o/trace.json", "--metrics", "tcp://127.0.0.1:0", *more, env=env)
        self.wait_for(lambda: all(os.path.exists(self.path("o", f)) for f in ("hocket.sock", "metrics.url", "gateway.url")))
        self.wait_for(lambda: '"running"' in json.dumps(status(self.path("o/hocket.sock"))))
        ear = subprocess.Popen([HOCKET, "echo", "keys.text", "--count", "3", "--json", "--out", "o"], cwd=self.folder,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.answers["echo"] = ear.stdout.readline()
        self.assertIn(b": listening", self.answers["echo"])
        for _ in range(3):
            self.hocket("send", "keys.text", SENTENCE, "--wait", "120", "--out", "o", code=0)
        self.answers["echo"] += ear.communicate(timeout=120)[0]
        # The parrot failed and came back; the tool failed.
        self.wait_for(lambda: '"failed"' in self.events() and '"tool_result"' in self.events())
        self.answers["status"] = json.dumps(status(self.path("o/hocket.sock"))).encode()
        self.answers["top"] = self.hocket("top", "--once", "--json", "--out", "o").stdout.encode()
        at, door = (f"http://127.0.0.1:{self.read(f).strip().rsplit(':', 1)[1].split('/')[0]}" for f in ("o/metrics.url", "o/gateway.url"))
        for page in ("/metrics", "/status", "/healthz", "/readyz"):
            self.get("http " + page, at + page)
        for page in ("/", "/healthz", "/v1/hocket/page", "/v1/hocket/graph"):
            self.get("gateway " + page, door + page)
        run.send_signal(signal.SIGINT)
        self.answers["screen"] = run.communicate(timeout=120)[0].encode()
        self.assertEqual(run.returncode, 0, self.answers["screen"])
        self.started.remove(run)
        for command in (["record", "info", "o/run.mcap"], ["record", "info", "o/recording.mcap"]):
            self.answers[" ".join(command)] = self.hocket(*command).stdout.encode()
        for name in sorted(self.files("o")):
            if os.path.isfile(self.path(name)):
                with open(self.path(name), "rb") as f:
                    self.answers[name] = unpacked(f.read()) if name.endswith(".mcap") else f.read()

    def holding(self, *forms):
        return sorted(name for name, said in self.answers.items()
                      if any(form.encode() in said or form.encode("utf-16-le") in said for form in forms))

    def parrot(self):
        """What is kept of it between packets: its last error, and the names of its counters."""
        actors = json.loads(self.answers["status"])["actors"]
        one = next(a for a in actors if a["name"] == "parrot") if isinstance(actors, list) else actors["parrot"]
        return one["last_error"], list(one["counters"])

    def around(self, names):
        """Lines that hold the word, for whoever mends it."""
        return "\n".join(repr(line) for n in names for line in self.answers[n].splitlines() if WORD.encode() in line)[:2000]

    def found(self):
        """Class -> where it was found."""
        sound = [n for n, said in self.answers.items() if said[:4] == b"RIFF"]
        sound += [n for n in self.answers if n.startswith("record info") and b"mic.audio" in self.answers[n]]
        return {"figure": [n for n in ("status", "o/events.jsonl", "http /metrics") if b"parrot" in self.answers[n]],
                "word": self.holding(WORD, WORD.lower()), "voice": sound, "secret": self.holding(SECRET, "k4n4ry")}

    def test_each_class_is_where_its_policy_lets_it_be_and_nowhere_else(self):
        for n, more in enumerate(((), ("--no-pii",))):
            self.run_with(*more)
            found = self.found()
            for what, kept in POLICY.items():
                with self.subTest(policy=more, what=what):
                    self.assertEqual(bool(found[what]), kept[n], f"{what}: {found[what]}\n{self.around(found[what])}")
            error, counters = self.parrot()
            self.assertIn("cannot say", error)
            self.assertEqual(WORD in error, not more, error)
            self.assertEqual(any(WORD in name for name in counters), not more, counters)
            self.assertTrue(counters)
            # Names of the graph are no words of anybody, also where somebody said them.
            for place in ("status", "o/events.jsonl", "http /metrics", "top"):
                self.assertIn(b"parrot", self.answers[place], place)
            if more:
                self.assertIn("the parrot and the echo of · say ·", error)
            if not more:
                # The canary sings in each kind of place, or the second half would show nothing.
                self.assertTrue({"echo", "status", "o/events.jsonl", "o/record.jsonl", "o/trace.json", "screen",
                                 "http /status", "o/run.mcap", "o/recording.mcap"} <= set(found["word"]), found["word"])
            else:
                lines = [json.loads(line) for line in self.answers["o/record.jsonl"].splitlines()]
                self.assertTrue(any(line.get("text_chars") == len(SENTENCE) for line in lines), lines)
                # What is left still says what went wrong, and where.
                failed = [json.loads(line) for line in self.answers["o/events.jsonl"].splitlines() if b'"failed"' in line]
                self.assertTrue(any("ValueError" in line.get("text", "") for line in failed), failed)


if __name__ == "__main__":
    main()
