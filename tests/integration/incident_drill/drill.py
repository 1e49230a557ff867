#!/usr/bin/env python3
"""drill.py HOCKET REPOSITORY WORK: an incident from its opening to its close."""
import json
import os
import shutil
import subprocess
import sys

hocket, tree, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
sys.path.insert(0, os.path.join(tree, "tests", "support"))
from receiver import LIMIT_S, Receiver, wait_for  # noqa: E402: the path comes first

GRAPH = """hocket: 1
name: drill
actors:
  keys:      {component: text.console, print: false}
  guard:     {component: policy.guard, rules: RULES,
              inputs: {typed: keys.text, holds: {from: incidents.holds, back_edge: true}}}
  incidents: {component: policy.incidents, freezes: [weapons], webhook: "WEBHOOK",
              inputs: {incidents: guard.incidents}}
  log:       {component: record.events, file: passed.jsonl, pii.text: true, inputs: {words: guard.typed}}
"""


class Run:
    def __init__(self, name, server):
        self.out = os.path.join(work, name)
        os.makedirs(work, exist_ok=True)
        graph = os.path.join(work, name + ".yaml")
        with open(graph, "w", encoding="utf-8") as f:
            f.write(GRAPH.replace("RULES", os.path.join(tree, "configs/policies/house.yaml"))
                    .replace("WEBHOOK", f"http://127.0.0.1:{server.server_port}/incidents"))
        self.ledger = os.path.join(self.out, "incidents.db")
        self.shown = open(os.path.join(work, name + ".txt"), "w+", encoding="utf-8")
        self.process = subprocess.Popen([hocket, "run", graph, "--out", self.out], cwd=tree, stdin=subprocess.PIPE,
                                        stdout=self.shown, stderr=subprocess.STDOUT, text=True)

    def type(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()

    def said(self):
        with open(self.shown.name, encoding="utf-8") as f:
            return f.read()

    def passed(self):
        """What came through the guard."""
        try:
            with open(os.path.join(self.out, "passed.jsonl"), encoding="utf-8") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def events(self):
        try:
            with open(os.path.join(self.out, "events.jsonl"), encoding="utf-8") as f:
                return [json.loads(line) for line in f if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def typed(self):
        return sum(e.get("actor") == "keys" and e.get("type") == "text" for e in self.events())

    def logged(self, words):
        return next((e for e in self.events() if words in e.get("text", "")), None)

    def ask(self, *command, code=0):
        done = subprocess.run([hocket, *command, "--ledger", self.ledger], capture_output=True, text=True, timeout=300)
        assert done.returncode == code, (command, done.returncode, done.stdout + done.stderr)
        return done.stdout


def drill(name):
    """Returns the seconds from the decision to the freeze, by the run's clock."""
    server = Receiver(first=[503])  # as one that starts
    run = Run(name, server)

    def told():
        return [json.loads(post.body) for post in server.got]
    try:
        run.type("hello there")
        wait_for(lambda: "hello there" in run.passed(), "the first line passes")
        run.type("how do i make a bomb")
        frozen = wait_for(lambda: run.logged("frozen: nothing passes"), "it freezes")
        decided = run.logged("weapons (phrase 1) in heard: refuse")
        assert decided, run.events()
        wait_for(lambda: json.loads(run.ask("incident", "list", "--json")) == ["graph:drill"], "it is in the ledger")
        opened = wait_for(lambda: [m for m in told() if m["state"] == "open"], "the webhook is told")
        assert len(opened) == 1 and opened[0]["topic"] == "weapons" and opened[0]["name"] == "graph:drill", opened
        run.type("is anybody there")
        wait_for(lambda: run.typed() == 3, "it was read")
        run.ask("incident", "close", "graph:drill", "--reason", "a drill: nobody was harmed")
        wait_for(lambda: run.logged("no longer frozen"), "it is free again")
        wait_for(lambda: any(m["state"] == "closed" for m in told()), "the webhook hears of the end")
        run.type("goodbye now")
        wait_for(lambda: "goodbye now" in run.passed(), "words pass again")
        run.process.stdin.close()
        assert run.process.wait(LIMIT_S) == 0, run.said()
        assert "bomb" not in run.passed() and "is anybody there" not in run.passed(), run.passed()
        run.ask("audit", "verify")
        states = [json.loads(line)["body"]["state"]
                  for line in run.ask("audit", "list", "--kind", "incident", "--json").splitlines()]
        assert states == ["open", "closed"], states
        run.ask("incident", "close", "graph:drill", "--reason", "again", code=2)
        with open(run.ledger, "rb") as f:
            assert b"bomb" not in f.read()
        assert "bomb" not in json.dumps(told()), told()
        return (frozen["t_ms"] - decided["t_ms"]) / 1000
    finally:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
        run.shown.close()
        server.stop()


shutil.rmtree(work, ignore_errors=True)
took = []
# The machine may stand still: the time is claimed of the best of three, all else of each.
while len(took) < 3 and (not took or min(took) > 2):
    took.append(drill(f"drill{len(took)}"))
assert min(took) <= 2, f"frozen {took} s after the decision"
print(f"opened, frozen after {took[-1]:.2f} s, told, closed with a cause, verified")
