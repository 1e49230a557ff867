#!/usr/bin/env python3
"""With a key at rest, what a run keeps of words and voices is read by nobody without it."""

import json
import os
import signal
import subprocess
import unittest

from support import case, graph, LIVE, main

WORDS = "the secret word is hippopotamus"
TONE = ('{component: capture.gst, pipeline: "audiotestsrc num-buffers=60 freq=440 ! audioconvert ! audioresample"}')


class sealed(case):
    def setUp(self):
        super().setUp()
        self.write("key", "5ea1" * 16 + "\n")
        os.chmod(self.path("key"), 0o600)
        self.key = {"HOCKET_SEAL_KEY_FILE": self.path("key")}
        self.write("g.yaml", graph({"mic": TONE, "ears": "{component: audio.dmel, inputs: {audio: mic.audio}}",
                                    "wav": "{component: record.wav, inputs: {person: mic.audio}}",
                                    "keys": '{component: text.console, script: ["${param:said}"]}',
                                    "log": "{component: record.events, pii.text: true, inputs: {console: keys.text}}",
                                    "rec": "{component: record.mcap, inputs: {audio: mic.audio, text: keys.text}}"},
                                   "params: {said: {type: string, default: 0.2 hello}}\n"))

    def run_it(self, env=None):
        return self.hocket("run", "g.yaml", "--virtual", "--plain", "--out", "o", "--record", "r.mcap", "--param", f"said=0.2 {WORDS}",
                           env=self.key if env is None else env, code=0)

    def holding(self, word):
        """The files that hold a word in clear, but what a graph's revision says of its own script."""
        out = []
        for name in sorted(self.files()):
            if os.path.isfile(self.path(name)) and not name.startswith("o/revisions"):
                with open(self.path(name), "rb") as f:
                    if word in f.read():
                        out.append(name)
        return out

    def test_the_canary_sings_without_a_key_and_not_with_one(self):
        self.run_it({})
        self.assertTrue({"o/record.jsonl", "o/events.jsonl"} <= set(self.holding(b"hippopotamus")))
        subprocess.run(["rm", "-rf", self.path("o"), self.path("r.mcap")], check=True)
        self.run_it()
        self.assertEqual(self.holding(b"hippopotamus"), [])
        for name in ("o/record.jsonl", "o/events.jsonl", "r.mcap"):
            said = self.hocket("record", "unseal", name, "clear", env=self.key, code=0).stdout
            self.assertNotIn("problem", said, name)
            if name != "r.mcap":  # its chunks are compressed
                self.assertEqual(self.holding(b"hippopotamus"), ["clear"], name)
            os.remove(self.path("clear"))

    def test_what_was_cut_is_told_from_what_ended(self):
        self.run_it()
        with open(self.path("o/events.jsonl"), "rb") as f:
            whole = f.read()
        self.write("cut", whole[:-32])  # its end, which is a frame of its own
        self.assertIn("not ended in order", self.hocket("record", "unseal", "cut", "clear", env=self.key, code=0).stdout)
        with open(self.path("r.mcap"), "rb") as f:
            whole = f.read()
        self.assertNotIn("no end", self.hocket("record", "info", "r.mcap", env=self.key, code=0).stdout)
        self.write("cut.mcap", whole[:-32])
        self.assertIn("has no end", self.hocket("record", "info", "cut.mcap", env=self.key).stdout)

    def test_a_key_file_that_the_kernel_makes_up(self):
        for name in ("/proc/self/environ", "/proc/self/cmdline", "/dev/zero"):
            done = self.hocket("run", "g.yaml", "--virtual", "--out", "q", env={"HOCKET_SEAL_KEY_FILE": name})
            self.assertEqual(done.returncode, 2, name)
            self.assertIn("HOCKET_SEAL_KEY_FILE", done.stdout)

    def test_nothing_of_it_lies_in_clear_and_the_key_opens_all_of_it(self):
        self.run_it()
        for name in sorted(self.files()):
            if os.path.isfile(self.path(name)) and name not in ("key", "g.yaml"):
                with open(self.path(name), "rb") as f:
                    data = f.read()
                for word in (b"MCAP0", b"mic.audio", b'"role"', b"RIFF", b"<svg"):
                    if not name.startswith("o/revisions"):
                        self.assertNotIn(word, data, name)
        for name in ("r.mcap", "o/recording.mcap", "o/events.jsonl"):
            with open(self.path(name), "rb") as f:
                self.assertEqual(f.read(8), b"HOCKETS1", name)
        self.assertFalse(os.path.exists(self.path("o/conversation.wav")))
        self.assertFalse(os.path.exists(self.path("o/conversation.svg")))
        self.hocket("record", "info", "r.mcap", env=self.key, code=0)
        self.hocket("replay", "r.mcap", "--check", "--out", "p", env=self.key, code=0)
        self.hocket("record", "unseal", "r.mcap", "clear.mcap", env=self.key, code=0)
        self.hocket("record", "unseal", "o/events.jsonl", "clear.jsonl", env=self.key, code=0)
        self.assertEqual(os.stat(self.path("clear.mcap")).st_mode & 0o777, 0o600)
        self.hocket("record", "info", "clear.mcap", code=0)
        for line in self.read("clear.jsonl").splitlines():
            json.loads(line)
        self.hocket("record", "delete", "r.mcap", code=0)  # to delete needs no key
        self.assertFalse(os.path.exists(self.path("r.mcap")))

    def test_without_the_key_or_with_another_it_is_said(self):
        self.run_it()
        self.write("other", "0" * 64)
        os.chmod(self.path("other"), 0o600)
        for command in (["record", "info", "r.mcap"], ["replay", "r.mcap", "--out", "p"],
                        ["record", "recover", "r.mcap", "x.mcap"], ["record", "unseal", "r.mcap", "x"],
                        ["picture", "o/events.jsonl"]):
            done = self.hocket(*command)
            self.assertNotEqual(done.returncode, 0, command)
            self.assertIn("HOCKET_SEAL_KEY", done.stdout, command)
            done = self.hocket(*command, env={"HOCKET_SEAL_KEY_FILE": self.path("other")})
            self.assertNotEqual(done.returncode, 0, command)
            self.assertIn("another key", done.stdout, command)
        os.chmod(self.path("key"), 0o644)
        for command in (["record", "info", "r.mcap"], ["run", "g.yaml", "--virtual", "--out", "q"]):
            done = self.hocket(*command, env=self.key)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("chmod 600", done.stdout)
        done = self.hocket("run", "g.yaml", "--virtual", "--out", "q", env={"HOCKET_SEAL_KEY": "hunter2"})
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("hunter2", done.stdout)

    def test_a_torn_one_is_recovered_up_to_its_last_whole_chunk(self):
        self.run_it()
        with open(self.path("r.mcap"), "rb") as f:
            whole = f.read()
        for part in (0.5, 0.9, 0.999):
            self.write("torn.mcap", whole[:int(len(whole) * part)])
            done = self.hocket("record", "recover", "torn.mcap", "saved.mcap", "--json", env=self.key)
            self.assertIn(done.returncode, (0, 1), done.stdout)
            if part > 0.9:
                self.assertGreater(json.loads(done.stdout.splitlines()[0])["messages"], 0)
                with open(self.path("saved.mcap"), "rb") as f:
                    self.assertEqual(f.read(8), b"HOCKETS1", "what is saved of it is sealed, too")
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 1
        self.write("changed.mcap", bytes(changed))
        done = self.hocket("record", "info", "changed.mcap", env=self.key)
        self.assertTrue("problem" in done.stdout or done.returncode != 0, done.stdout)

    def test_killed_in_the_middle(self):
        self.write("live.yaml", graph({"mic": LIVE}))
        run = self.start("run", "live.yaml", "--plain", "--out", "o", "--record", "k.mcap", env=self.key)
        self.wait_for(lambda: os.path.exists(self.path("k.mcap")) and os.path.getsize(self.path("k.mcap")) > 60_000)
        run.send_signal(signal.SIGKILL)
        run.wait()
        done = self.hocket("record", "recover", "k.mcap", "saved.mcap", "--json", env=self.key, code=0)
        self.assertGreater(json.loads(done.stdout.splitlines()[0])["messages"], 0)
        self.hocket("record", "unseal", "o/events.jsonl", "clear.jsonl", env=self.key, code=0)

    def test_words_are_a_key_too(self):
        words = {"HOCKET_SEAL_KEY": "correct horse battery staple"}
        self.run_it(words)
        self.hocket("record", "info", "r.mcap", env=words, code=0)
        for name in sorted(self.files()):
            if os.path.isfile(self.path(name)):
                with open(self.path(name), "rb") as f:
                    data = f.read()
                self.assertNotIn(b"battery", data, name)
                self.assertTrue(b"hippopotamus" not in data or name.startswith("o/revisions"), name)


if __name__ == "__main__":
    main()
