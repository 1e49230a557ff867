#!/usr/bin/env python3
"""Who watches a run goes on watching while an apply adds, removes and replaces actors."""

import json
import os
import signal
import unittest

from support import case, graph, LIVE, main, status

EARS = "{component: audio.dmel, inputs: {audio: %s.audio}}"


class observers(case):
    def test_trace_record_metrics_and_an_apply_that_adds_actors(self):
        self.write("g.yaml", graph({"mic": LIVE, "ears": EARS % "mic"}))
        self.write("more.yaml", graph({"mic": LIVE, "thief": LIVE, "e2": EARS % "thief", "ears": EARS % "mic",
                                       "wav": "{component: record.wav, inputs: {person: mic.audio, model: thief.audio}}"}))
        self.write("less.yaml", graph({"thief": LIVE, "e2": EARS % "thief"}))
        run = self.start("run", "g.yaml", "--plain", "--out", "o", "--trace", "t.json", "--record", "r.mcap",
                         "--metrics", "tcp://127.0.0.1:0")
        self.wait_for(lambda: os.path.exists(self.path("o/hocket.sock")))
        for change in ("more.yaml", "g.yaml", "more.yaml", "less.yaml", "more.yaml"):
            self.wait_for(lambda: self.hocket("apply", change, "--out", "o").returncode == 0)
            names = {a["name"] for a in status(self.path("o/hocket.sock"))["actors"]}
            if change == "more.yaml":
                self.assertIn("thief", names)
            self.assertIsNone(run.poll())
        run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(timeout=180), 0, run.stdout.read())
        events = json.loads(self.read("t.json"))
        tracks = {e["args"]["name"] for e in events if e.get("name") == "thread_name"}
        self.assertTrue({"mic", "thief", "e2"} <= tracks, tracks)
        self.hocket("record", "info", "r.mcap", code=0)


if __name__ == "__main__":
    main()
