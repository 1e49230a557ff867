#!/usr/bin/env python3
"""rewired_run.py HOCKET GRAPH: `hocket apply` against real processes, one and two of them."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

LIMIT_S = 60


def until(condition, what):
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("waited %d s for %s" % (LIMIT_S, what))


class Run:
    """One process of a run."""

    all = []

    def __init__(self, hocket, graph, out, host=None):
        self.hocket, self.out = hocket, out
        words = [hocket, "run", graph, "--json", "--out", out]
        if host:
            words += ["--host", host]
        os.makedirs(out, exist_ok=True)
        self.log = open(os.path.join(out, "log"), "a+")
        self.printed = open(os.path.join(out, "printed"), "w+")
        self.process = subprocess.Popen(words, stdout=self.printed, stderr=self.log)
        Run.all.append(self.process)

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def status(self):
        done = subprocess.run([self.hocket, "top", "--once", "--json", "--out", self.out],
                              capture_output=True, text=True, timeout=LIMIT_S)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout else None

    def apply(self, *words):
        done = subprocess.run([self.hocket, "apply", "--json", "--out", self.out, *words],
                              capture_output=True, text=True, timeout=2 * LIMIT_S)
        report = json.loads(done.stdout) if done.stdout.startswith("{") else None
        return done.returncode, report, done.stdout + done.stderr

    def history(self):
        done = subprocess.run([self.hocket, "apply", "--history", "--json", "--out", self.out],
                              capture_output=True, text=True, timeout=LIMIT_S)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def flows(self, link, more=20):
        def delivered():
            status = self.status()
            rows = status["links"] if status else []
            return sum(l["delivered"] for l in rows
                       if l["from"].split(" ")[0] + " > " + l["to"].split(" ")[0] == link)
        start = delivered()
        until(lambda: delivered() > start + more, "packets on " + link)

    def end(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(LIMIT_S) == 0, self.said()
        self.printed.seek(0)
        last = json.loads(self.printed.read().strip().split("\n")[-1])
        assert last["why"] == "stopped" and last["law_holds"], last
        for link in last["links"]:
            assert link["in_flight"] == 0 and not link["dropped"], link
        return last


def write(path, text):
    with open(path, "w") as to:
        to.write(text)
    return path


def one_process(hocket, text, folder):
    first = write(os.path.join(folder, "first.yaml"), text)
    second = "  second: {component: playout.gst, to: none, delay_ms: 50, inputs: {audio: tone.audio}}\n"
    more = write(os.path.join(folder, "more.yaml"),
                 text.replace("delay_ms: 100", "delay_ms: 200").replace("budgets:", second + "budgets:") +
                 "  - {path: [tone, second], limit_ms: 300}\n")
    wrong = write(os.path.join(folder, "wrong.yaml"), text.replace("delay_ms", "dealy_ms"))
    broken = write(os.path.join(folder, "broken.yaml"), text.replace(
        "budgets:", "  lost: {component: capture.gst, file: /nowhere/at-all.wav}\n"
        "  deaf: {component: playout.gst, to: none, inputs: {audio: lost.audio}}\nbudgets:"))
    run = Run(hocket, first, os.path.join(folder, "out"))
    until(lambda: (run.status() or {}).get("now_s", 0) > 1, "the run")

    code, report, said = run.apply(more, "--dry-run")
    assert code == 0 and report["state"] == "planned", said
    assert len(run.status()["actors"]) == 4

    code, report, said = run.apply(wrong)
    assert code == 2 and report["state"] == "refused", said
    assert "unknown key `dealy_ms`" in report["why"] and "did you mean" in report["why"], said

    code, report, said = run.apply(broken)
    assert code == 1 and report["state"] == "rolled_back", said
    assert "lost (capture.gst) did not open" in report["why"] and "at-all.wav" in report["why"], said
    run.flows("tone.audio > record.person")

    code, report, said = run.apply(more)
    assert code == 0 and report["state"] == "committed" and report["revision"] == 2, said
    fates = {a["name"]: a["fate"] for a in report["actors"]}
    assert fates == {"tone": "rewired", "speaker": "replaced", "second": "added"}, fates
    assert round(report["at_s"] * 1000) % 200 == 0, report
    assert all(p["dropped"] == 0 for p in report["packets"]), report
    for link in ("tone.audio > second.audio", "tone.audio > speaker.audio",
                 "speaker.heard > record.model"):
        run.flows(link)

    code, report, said = run.apply(more)
    assert code == 0 and report["state"] == "unchanged", said
    code, report, said = run.apply("--back")
    assert code == 0 and report["state"] == "committed" and report["revision"] == 3, said
    run.flows("speaker.heard > record.model")
    lines = run.history()
    assert [(l["revision"], l["state"]) for l in lines] == [
        (1, "started"), (1, "rolled_back"), (2, "committed"), (3, "committed")], lines
    assert lines[0]["hash"] == lines[3]["hash"] != lines[2]["hash"], lines
    last = run.end()
    rows = {l["from"] + " > " + l["to"]: l for l in last["links"]}
    assert rows["tone.audio > second.audio"]["delivered"] > 20, rows  # gone, and accounted for


def two_processes(hocket, text, folder):
    text = text.replace("actors:", "hosts:\n  desk: {listen: ipc://%s/desk.ipc}\n"
                        "  edge: {listen: ipc://%s/edge.ipc}\nactors:" % (folder, folder))
    for name, host in (("tone", "desk"), ("speaker", "edge"), ("record", "edge"), ("log", "edge")):
        at = text.index("{component:", text.index("\n  %s:" % name)) + 1
        text = text[:at] + "on: %s, " % host + text[at:]
    first = write(os.path.join(folder, "first.yaml"), text)
    second = write(os.path.join(folder, "second.yaml"),
                   text.replace("delay_ms: 100", "delay_ms: 200"))
    edge = Run(hocket, first, os.path.join(folder, "edge"), "edge")
    desk = Run(hocket, first, os.path.join(folder, "desk"), "desk")
    until(lambda: (edge.status() or {}).get("now_s", 0) > 1, "the run")
    edge.flows("speaker.heard > record.model")

    # The host that is asked does not lead: the other one does.
    code, report, said = edge.apply(second)
    assert code == 0 and report["state"] == "committed" and report["revision"] == 2, said
    assert not report["notes"] and all(p["dropped"] == 0 for p in report["packets"]), report
    edge.flows("speaker.heard > record.model")
    for run in (edge, desk):
        last = run.history()[-1]
        assert last["revision"] == 2 and last["hash"] == report["hash_after"], last

    # A process that dies comes back with the new file alone.
    edge.process.kill()
    edge.process.wait()
    until(lambda: desk.status()["peers"][0]["state"] == "lost", "desk to notice")
    old = Run(hocket, first, os.path.join(folder, "old"), "edge")
    assert old.process.wait(LIMIT_S) == 1
    assert "graph hash differs" in old.said() or "graph hash differs" in open(
        os.path.join(folder, "old", "printed")).read(), old.said()
    again = Run(hocket, os.path.join(folder, "desk", "revisions", "0002.yaml"),
                os.path.join(folder, "edge"), "edge")
    until(lambda: (again.status() or {}).get("now_s", 0) > 1, "edge to come back")
    again.flows("speaker.heard > record.model")
    code, report, said = again.apply(first)
    assert code == 0 and report["state"] == "committed", said
    again.flows("speaker.heard > record.model")
    again.process.send_signal(signal.SIGINT)
    assert again.process.wait(LIMIT_S) == 0, again.said()
    assert desk.process.wait(LIMIT_S) == 0, desk.said()


def main():
    hocket, graph = sys.argv[1:3]
    with open(graph, encoding="utf-8") as f:
        text = f.read().replace("num-buffers=100", "num-buffers=20000")
    for test in (one_process, two_processes):
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(hocket, text, folder)
            except BaseException:
                for name in ("out", "edge", "desk", "old"):
                    path = os.path.join(folder, name, "log")
                    if os.path.exists(path):
                        print("== %s\n%s" % (name, open(path).read()))
                raise
            finally:
                for process in Run.all:
                    if process.poll() is None:
                        process.kill()
        print(test.__name__ + ": fine")


main()
