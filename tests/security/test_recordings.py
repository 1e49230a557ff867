#!/usr/bin/env python3
"""A recording that somebody hands on computes when it is replayed, and reaches nothing else."""

import os
import unittest

from support import case, graph, main, with_graph

TYPED = '{component: text.console, script: ["0.2 $(touch $${HOME}/code_ran)"]}'
EVIL = """
#include <cstdio>
__attribute__((constructor)) static void run() {
  if (FILE* f = fopen("pwned.txt", "w")) fclose(f);
}
"""


class recordings(case):
    def setUp(self):
        super().setUp()
        self.write("benign.yaml", graph({"keys": TYPED, "log": "{component: record.events, pii.text: true, "
                                                               "inputs: {console: keys.text}}"}))
        self.hocket("run", "benign.yaml", "--virtual", "--plain", "--out", "made", "--record", "gift.mcap", code=0)
        with open(self.path("gift.mcap"), "rb") as f:
            self.gift = f.read()
        self.write("home/.bashrc", "# my own\n")
        self.before = self.files()

    def replay(self, text, *options, env=None):
        self.write("in.mcap", with_graph(self.gift, text))
        done = self.hocket("replay", "in.mcap", *options, env=env)
        new = {f for f in self.files() - self.before if f != "in.mcap"}
        self.assertEqual(self.read("home/.bashrc"), "# my own\n")
        outside = {f for f in new if not (f + "/").startswith("out/")}
        self.assertEqual(outside, set(), done.stdout)
        return done

    def test_an_honest_one_plays_as_it_was(self):
        done = self.hocket("replay", "gift.mcap", "--check", code=0)
        self.assertNotIn("differs", done.stdout)
        self.assertTrue(os.path.exists(self.path("out/replay/record.jsonl")))

    def test_outputs_stay_beneath_the_output_folder(self):
        for name in ("../../home/.bashrc", "../x", "a/../../x", self.path("home/.bashrc"), "/proc/self/cwd/x", "..", "."):
            for component, inputs in (("record.events", "console"), ("record.mcap", "text")):
                done = self.replay(graph({"keys": TYPED, "log": f"{{component: {component}, file: \"{name}\", "
                                                                f"inputs: {{{inputs}: keys.text}}}}"}))
                self.assertNotEqual(done.returncode, 0, name)
        for options in ([], ["--trust"]):
            done = self.replay(graph({"keys": TYPED, "log": '{component: record.events, file: "../../home/.bashrc", '
                                                            "inputs: {console: keys.text}}"}), *options)
            self.assertNotEqual(done.returncode, 0)

    def test_nor_through_links_that_lie_there(self):
        os.makedirs(self.path("out/replay"))
        os.symlink(self.path("home"), self.path("out/replay/way"))
        os.symlink(self.path("home/.bashrc"), self.path("out/replay/record.jsonl"))
        os.link(self.path("home/.bashrc"), self.path("out/replay/twin.jsonl"))
        for name in ("way/.bashrc", "way/new", "record.jsonl", "twin.jsonl"):
            self.replay(graph({"keys": TYPED, "log": f"{{component: record.events, file: {name}, "
                                                     "inputs: {console: keys.text}}"}))
        self.assertEqual(sorted(os.listdir(self.path("home"))), [".bashrc"])

    def test_no_plugin(self):
        self.library(EVIL, "lib/evil.so")
        self.before = self.files()
        for options in ([], ["--trust"], ["--plugin", "lib/evil.so"]):
            done = self.replay(graph({"keys": TYPED}, "plugins: [lib/evil.so]\n"), *options)
            self.assertEqual(done.returncode, 2, done.stdout)

    def test_no_environment(self):
        text = graph({"keys": TYPED, "log": '{component: record.events, file: "${env:MY_SECRET}-x", '
                                            "inputs: {console: keys.text}}"})
        done = self.replay(text, env={"MY_SECRET": "hunter2"})
        self.assertEqual(done.returncode, 2)
        self.assertNotIn("hunter2", done.stdout)
        self.assertEqual([f for f in self.files() if "hunter2" in f], [])
        self.replay(text.replace("MY_SECRET}", "MY_SECRET:-usual}"), env={"MY_SECRET": "hunter2"})
        self.assertEqual([f for f in self.files() if "hunter2" in f], [])
        # Who trusts it says so.
        done = self.replay(text, "--trust", env={"MY_SECRET": "hunter2"})
        self.assertTrue(os.path.exists(self.path("out/replay/hunter2-x")), done.stdout)

    def test_no_file_of_others_is_read(self):
        secret = self.write("home/secret.yaml", "hocket: 1\nname: x\nactors:\n  a: {b: hunter2}\n")
        self.before = self.files()
        for text in (graph({"part": f"{{include: {{file: {secret}}}}}"}),
                     graph({"part": "{include: {file: ../../../../../../../../etc/passwd}}"}),
                     graph({"cam": "{component: capture.gst, file: /etc/passwd}"}),
                     graph({"cam": "{component: capture.gst, file: ../../etc/passwd}"}),
                     graph({"words": "{component: dialogue.rules, replies: /etc/passwd}"}),
                     graph({"model": "{component: interaction.model, model: /etc}"})):
            done = self.replay(text)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertNotIn("hunter2", done.stdout)
            self.assertNotIn("root:", done.stdout)

    def test_no_device_file_or_address_by_a_pipeline(self):
        # Put in the place of a source that is not played, so that it would open.
        for pipeline in ("audiotestsrc num-buffers=9 ! wavenc ! filesink location=home/.bashrc audiotestsrc num-buffers=9",
                         "filesrc location=/etc/passwd ! decodebin", "autoaudiosrc", "alsasrc", "pulsesrc",
                         "dataurisrc uri=data:text/plain;base64,aGk= ! filesink location=x audiotestsrc num-buffers=9",
                         "uridecodebin uri=http://127.0.0.1:9/", "souphttpsrc location=http://127.0.0.1:9/ ! decodebin",
                         "playbin uri=file:///etc/passwd", "tcpclientsrc port=9 ! decodebin",
                         "audiotestsrc num-buffers=9 ! tee name=t t. ! queue ! multifilesink location=x%d t. ! queue",
                         "( audiotestsrc num-buffers=9 ! wavenc ! filesink location=x ) audiotestsrc num-buffers=9"):
            done = self.replay(graph({"keys": TYPED, "mic": f'{{component: capture.gst, restart: {{policy: never}}, '
                                                            f'pipeline: "{pipeline}"}}',
                                      "ears": "{component: audio.dmel, inputs: {audio: mic.audio}}"}),
                               "--only", "mic,ears")
            self.assertNotEqual(done.returncode, 0, pipeline)
            self.assertIn("may not use the GStreamer element", done.stdout, pipeline)

    def test_a_graph_that_the_command_line_names_is_ones_own(self):
        self.write("own.yaml", graph({"keys": TYPED, "log": '{component: record.events, file: "${env:NAME}.jsonl", '
                                                            "inputs: {console: keys.text}}"}))
        self.hocket("replay", "gift.mcap", "--graph", "own.yaml", env={"NAME": "mine"}, code=0)
        self.assertTrue(os.path.exists(self.path("out/replay/mine.jsonl")))


if __name__ == "__main__":
    main()
