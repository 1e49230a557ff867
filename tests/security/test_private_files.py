#!/usr/bin/env python3
"""Whatever a run writes is its owner's alone, and --no-pii leaves neither words nor voices."""

import json
import os
import shutil
import signal
import time
import unittest

from support import case, graph, LIVE, main, MIC

WORDS = "the secret word is hippopotamus"
TALK = graph({"mic": MIC,
              "keys": '{component: text.console, script: ["${param:said}"]}',
              "log": "{component: record.events, pii.text: true, inputs: {console: keys.text}}",
              "wav": "{component: record.wav, inputs: {person: mic.audio, model: mic.audio}}",
              "all": "{component: record.mcap, inputs: {audio: mic.audio, text: keys.text}}",
              "out": "{component: playout.gst, inputs: {audio: mic.audio}}"},
             "params: {said: {type: string, default: 0.2 hello}}\n")
FILES = ("events.jsonl", "record.jsonl", "conversation.wav", "recording.mcap", "played.wav", "talk.mcap", "trace.json",
         "conversation.svg", "conversation.png")


class private_files(case):
    def setUp(self):
        super().setUp()
        self.umask = os.umask(0)
        self.addCleanup(os.umask, self.umask)
        self.write("talk.yaml", TALK)

    def talk(self, *more):
        return self.hocket("run", "talk.yaml", "--virtual", "--plain", "--out", "o", "--record", "o/talk.mcap",
                           "--trace", "o/trace.json", "--param", f"said=0.2 {WORDS}", *more, code=0)

    def test_a_run_and_all_that_it_writes(self):
        self.talk()
        for name in FILES:
            self.assertTrue(os.path.exists(self.path("o", name)), name)
        self.assertEqual(self.others_may_read("."), ["-rw-rw-rw- talk.yaml"])  # our own, before

    def test_pictures_exports_keys_and_replays(self):
        self.talk()
        self.hocket("graph", "talk.yaml", "-o", "pictures/talk.svg", code=0)
        self.hocket("export", "systemd", "talk.yaml", "--out", "units", code=0)
        self.hocket("export", "kubernetes", "talk.yaml", "--out", "manifests", code=0)
        self.hocket("keys", "edge", "--dir", "keys", code=0)
        self.hocket("replay", "o/talk.mcap", "--out", "again")
        self.hocket("record", "recover", "o/talk.mcap", "saved/talk.mcap", code=0)
        # Units and manifests are for the machine that reads them; their secrets are in files of their own.
        public = (" talk.yaml", " keys/edge.pub", "/hocket-case-graph.yaml", "/hocket-case-service.yaml",
                  "/hocket-case.yaml", "/hocket-case.service")
        others = self.others_may_read(".")
        self.assertEqual([f for f in others if not f.endswith(public)], [])
        self.assertEqual([f for f in others if f[8] == "w" and not f.endswith(" talk.yaml")], [])

    def test_what_was_readable_before_is_not_after(self):
        os.makedirs(self.path("o"))
        for name in FILES:
            self.write("o/" + name, "old")
        self.talk()
        self.assertEqual([f for f in self.others_may_read("o") if not f.startswith("d")], [])

    def test_no_pii_leaves_no_words_and_no_voices(self):
        self.talk("--no-pii")
        for name in sorted(self.files("o")):
            if os.path.isdir(self.path(name)) or name.startswith("o/revisions/"):
                continue
            with open(self.path(name), "rb") as f:
                data = f.read()
            self.assertNotIn(b"hippopotamus", data, name)
            self.assertFalse(data.startswith(b"RIFF"), name)  # no sound at all
        # What is left says what was left out.
        events = self.read("o/events.jsonl")
        self.assertIn("--no-pii", events)
        lines = [json.loads(line) for line in self.read("o/record.jsonl").splitlines()]
        self.assertTrue(any("text_chars" in line for line in lines), lines)

    def test_no_pii_and_a_pipeline_that_writes_sound(self):
        self.write("g.yaml", graph({"mic": LIVE, "out": '{component: playout.gst, to: device, restart: {policy: never}, '
                                                        'pipeline: "wavenc ! filesink location=voice.wav", '
                                                        "inputs: {audio: mic.audio}}"}))
        done = self.hocket("run", "g.yaml", "--no-pii", "--plain", "--out", "o", "--duration", "1")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--no-pii", done.stdout)
        self.assertFalse(os.path.exists(self.path("voice.wav")))

    def test_what_was_recorded_goes_when_its_time_is_over(self):
        self.write("g.yaml", graph({"mic": LIVE.replace("is-live=true", "num-buffers=20"),
                                    "wav": "{component: record.wav, inputs: {person: mic.audio}}"}))
        self.hocket("run", "g.yaml", "--virtual", "--plain", "--out", "o", "--record", "o/r.mcap", code=0)
        self.write("o/thesis.txt", "mine")
        self.write("precious.mcap", "\x89MCAP0 is what a recording begins with")
        shutil.copy(self.path("o/r.mcap"), self.path("kept.mcap"))
        os.symlink(self.path("kept.mcap"), self.path("o/link.mcap"))
        results = {"o/r.mcap", "o/events.jsonl", "o/conversation.wav", "o/conversation.svg", "o/conversation.png"}
        self.hocket("record", "delete", "o", code=2)  # a whole folder needs an age
        self.hocket("record", "delete", "precious.mcap", code=2)
        self.hocket("record", "delete", "nowhere.mcap", code=2)
        self.assertIn("0 files", self.hocket("record", "delete", "o", "--older-than-days", "1", code=0).stdout)
        self.assertTrue(results <= self.files("o"))
        old = time.time() - 3 * 86400
        for name in results - {"o/events.jsonl"}:
            os.utime(self.path(name), (old, old))
        said = self.hocket("record", "delete", "o", "--older-than-days", "2", "--dry-run", code=0).stdout
        self.assertIn("would delete o/r.mcap", said)
        self.assertTrue(results <= self.files("o"))
        self.hocket("record", "delete", "o", "--older-than-days", "2", code=0)
        left = {f for f in self.files("o") if os.path.isfile(self.path(f))}
        self.assertEqual(left & results, {"o/events.jsonl"})
        self.assertTrue({"o/thesis.txt", "o/link.mcap"} <= left)
        self.hocket("record", "delete", "kept.mcap", code=0)
        self.assertFalse(os.path.exists(self.path("kept.mcap")))

    def test_links_and_files_of_others_in_the_output_folder(self):
        os.makedirs(self.path("o"))
        self.write("home/precious", "mine")
        for name in FILES[:6]:
            os.symlink(self.path("home/precious"), self.path("o", name))
        self.hocket("run", "talk.yaml", "--virtual", "--plain", "--out", "o")
        self.assertEqual(self.read("home/precious"), "mine")
        shutil.rmtree(self.path("o"))
        os.makedirs(self.path("o"))
        for name in FILES[:6]:
            os.link(self.path("home/precious"), self.path("o", name))
        self.hocket("run", "talk.yaml", "--virtual", "--plain", "--out", "o", code=0)
        self.assertEqual(self.read("home/precious"), "mine")
        if os.geteuid() != 0:
            self.skipTest("needs root, to become another user")
        os.makedirs(self.path("theirs"))
        os.chown(self.path("theirs"), 4243, 4243)
        done = self.hocket("run", "talk.yaml", "--virtual", "--plain", "--out", "theirs", code=2)
        self.assertIn("another user", done.stdout)

    def planted(self):
        """What a killed run leaves, with an attacker's graph in it."""
        self.write("live.yaml", graph({"mic": LIVE, "ears": "{component: audio.dmel, inputs: {audio: mic.audio}}"}))
        self.write("more.yaml", graph({"mic": LIVE, "ears": "{component: audio.dmel, inputs: {audio: mic.audio}}",
                                       "e2": "{component: audio.dmel, inputs: {audio: mic.audio}}"}))
        run = self.start("run", "live.yaml", "--plain", "--out", "o")
        self.wait_for(lambda: os.path.exists(self.path("o/hocket.sock")))
        self.wait_for(lambda: self.hocket("apply", "more.yaml", "--out", "o").returncode == 0)
        run.send_signal(signal.SIGKILL)
        run.wait()
        self.started.remove(run)
        run.stdout.close()

    def begins_with(self, *more):
        """How a run that is started again begins."""
        done = self.hocket("run", "live.yaml", "--plain", "--out", "o", "--duration", "0.5", *more)
        return done.stdout

    def test_a_killed_run_goes_on_and_a_planted_one_does_not(self):
        self.planted()
        shutil.copytree(self.path("o"), self.path("copy"), symlinks=True,
                        ignore=lambda _, names: [n for n in names if n.endswith(".sock")])
        self.assertIn("run.resumed", self.begins_with())
        # An archive that was unpacked, a copy, a changed graph: nobody's run.
        shutil.rmtree(self.path("o"))
        os.rename(self.path("copy"), self.path("o"))
        said = self.begins_with()
        self.assertNotIn("run.resumed", said)
        self.assertIn("apply.not_ours", said)

    def test_a_graph_put_over_the_one_that_was_kept(self):
        self.planted()
        name = self.path("o/revisions/0002.json")
        with open(name) as f:
            kept = json.load(f)
        os.remove(name)
        self.write("o/revisions/0002.json", json.dumps(kept))
        os.chmod(name, 0o600)
        said = self.begins_with()
        self.assertNotIn("run.resumed", said)
        self.assertIn("apply.not_ours", said)

    def test_revisions_behind_a_link_or_of_another_user(self):
        self.planted()
        os.rename(self.path("o/revisions"), self.path("elsewhere"))
        os.symlink(self.path("elsewhere"), self.path("o/revisions"))
        self.assertNotIn("run.resumed", self.begins_with())
        os.remove(self.path("o/revisions")) if os.path.islink(self.path("o/revisions")) else None
        if os.geteuid() != 0:
            self.skipTest("needs root, to become another user")
        shutil.rmtree(self.path("o/revisions"), ignore_errors=True)
        os.rename(self.path("elsewhere"), self.path("o/revisions"))
        os.chown(self.path("o/revisions/newest.json"), 4243, 4243)
        self.assertNotIn("run.resumed", self.begins_with())


if __name__ == "__main__":
    main()
