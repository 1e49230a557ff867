#!/usr/bin/env python3
"""What a graph takes from the environment stands nowhere that a run, or a look at it, writes or says."""

import base64
import json
import os
import resource
import signal
import unittest

from support import case, graph, LIVE, main, status

# With what quoting, line breaks and shells trip over. The middle is what a careless cut would leave.
CANARY = 'k4n4ry-"q\'\\-$HOME-%41-\u00fc-2f9d81'
HEART = "k4n4ry"
PIN = "81723645"

def mic(more=""):
    return ('{component: capture.gst, pipeline: "audiotestsrc num-buffers=40 name=\'${env:HOCKET_NAME}\''
            ' ! audioconvert ! audioresample"%s}' % more)


class secrets(case):
    env = {"HOCKET_CANARY": CANARY, "HOCKET_NAME": HEART + "_name_5e1", "HOCKET_PIN": PIN}

    def setUp(self):
        super().setUp()
        self.said = ""

    def hocket(self, *arguments, **how):
        done = super().hocket(*arguments, env=self.env, **{k: v for k, v in how.items() if k != "env"})
        self.said += done.stdout
        return done

    def nowhere(self, *but):
        """No byte of a value in any file here, whatever its coding, nor in what was said."""
        forms = [HEART.encode(), PIN.encode(), HEART.encode("utf-16-le"), HEART.encode().hex().encode()]
        forms += [base64.b64encode(b"x" * i + HEART.encode())[4 if i else 0:-4] for i in range(3)]
        for name in sorted(self.files()):
            path = self.path(name)
            if not os.path.isfile(path) or name in but:
                continue
            with open(path, "rb") as f:
                data = f.read()
            for form in forms:
                self.assertNotIn(form, data, name)
        for form in (HEART, PIN):
            self.assertNotIn(form, self.said)

    def test_a_run_and_all_that_looks_at_it(self):
        self.write("g.yaml", graph({"mic": mic(), "ears": "{component: audio.dmel, inputs: {audio: mic.audio}}",
                                    "wav": "{component: record.wav, inputs: {person: mic.audio}}"},
                                   more="budgets: []\n"))
        for command in (["validate", "g.yaml"], ["graph", "g.yaml"], ["graph", "g.yaml", "-o", "g.svg"],
                        ["doctor", "g.yaml"], ["doctor", "--security", "g.yaml"],
                        ["apply", "g.yaml", "--from", "g.yaml"]):
            self.hocket(*command)
        self.hocket("run", "g.yaml", "--virtual", "--out", "o", "--record", "r.mcap", "--trace", "t.json",
                    "--plain", code=0)
        self.hocket("run", "g.yaml", "--virtual", "--out", "o2", "--json", code=0)
        self.hocket("record", "info", "r.mcap", code=0)
        self.hocket("record", "info", "r.mcap", "--json")
        self.nowhere()
        with open(self.path("r.mcap"), "rb") as f:
            recorded = f.read()
        self.assertIn(b"${env:HOCKET_NAME}", recorded)

    def test_what_is_wrong_is_said_without_the_value(self):
        for key in ("rate_hz: '${env:HOCKET_CANARY}'", "no_such: '${env:HOCKET_CANARY}'",
                    "watchdog_ms: ${env:HOCKET_CANARY}", "policy: '${env:HOCKET_CANARY}'",
                    "on: '${env:HOCKET_CANARY}'", "inputs: {audio: '${env:HOCKET_CANARY}.x'}",
                    "replicas: ${env:HOCKET_PIN}"):
            self.write("w.yaml", graph({"ears": "{component: audio.dmel, %s}" % key}))
            for command in ("validate", "run", "graph", "doctor"):
                self.assertNotEqual(self.hocket(command, "w.yaml").returncode, 0, (command, key))
        for line in ("name: '${env:HOCKET_CANARY}'\nx: ${env:HOCKET_CANARY}\n",
                     "hosts: {a: {listen: '${env:HOCKET_CANARY}'}}\n", "plugins: ['${env:HOCKET_CANARY}']\n",
                     "clock: {micro_turn_ms: ${env:HOCKET_PIN}}\n", "params: {p: '${env:HOCKET_CANARY}'}\n"):
            self.write("w.yaml", "hocket: 1\n%sactors: {m: {component: '${env:HOCKET_CANARY}'}}\n" % line)
            self.hocket("validate", "w.yaml")
            self.hocket("run", "w.yaml")
        # What fails when it is opened: the text of a library's error.
        self.write("f.yaml", graph({"mic": "{component: capture.gst, file: '/nowhere/${env:HOCKET_CANARY}'}"}))
        self.hocket("run", "f.yaml", "--out", "f", "--record", "f.mcap", "--plain")
        self.nowhere()

    def test_status_revisions_and_changes(self):
        self.write("g.yaml", graph({"mic": LIVE}))
        self.write("more.yaml", graph({"mic": LIVE.replace("is-live=true", "is-live=true name='${env:HOCKET_NAME}'"),
                                       "ears": "{component: audio.dmel, inputs: {audio: mic.audio}}"}))
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        if hard == 0:
            self.skipTest("no dump can be allowed here")
        run = self.start("run", "g.yaml", "--out", "o", "--plain", "--record", "r.mcap", env=self.env,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (4096, hard)))
        self.wait_for(lambda: os.path.exists(self.path("o/hocket.sock")))
        self.assertNotEqual(self.core_limit(run), "0")
        self.wait_for(lambda: self.hocket("apply", "more.yaml", "--out", "o", "--json").returncode == 0)
        self.assertEqual(self.core_limit(run), "0", "a dump would hold the first secret that came")
        self.said += json.dumps(status(self.path("o/hocket.sock")))
        self.hocket("apply", "--history", "--out", "o")
        self.hocket("apply", "g.yaml", "--out", "o", "--dry-run")
        run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(timeout=180), 0)
        self.said += run.stdout.read()
        self.nowhere()

    def core_limit(self, process):
        with open(f"/proc/{process.pid}/limits") as f:
            return next(line for line in f if line.startswith("Max core")).split()[4]

    def test_the_hash_that_peers_are_told_holds_no_value(self):
        def told(pin, more=""):
            self.write("h.yaml", graph({"mic": LIVE.replace("is-live=true", "is-live=true name='${env:PIN}'" + more)}))
            done = super(secrets, self).hocket("graph", "h.yaml", "--json", env={"PIN": pin}, code=0)
            return json.loads(done.stdout)["hash"]
        self.assertEqual(told("first"), told("second"))
        self.assertEqual(told("first"), told("a_longer_one"))
        self.assertNotEqual(told("first"), told("first", " freq=500"))

    def test_a_replay_takes_the_value_from_here_or_says_what_it_needs(self):
        self.write("g.yaml", graph({"mic": mic(),
                                    "ears": "{component: audio.dmel, inputs: {audio: mic.audio}}"}))
        self.hocket("run", "g.yaml", "--virtual", "--out", "o", "--record", "r.mcap", code=0)
        refused = self.hocket("replay", "r.mcap", "--out", "p")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("HOCKET_NAME", refused.stdout)
        self.assertIn("--trust", refused.stdout)
        self.hocket("replay", "r.mcap", "--out", "q", "--trust", code=0)
        self.nowhere()


if __name__ == "__main__":
    main()
