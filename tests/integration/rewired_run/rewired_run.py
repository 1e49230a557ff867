#!/usr/bin/env python3
"""rewired_run.py HOCKET GRAPH: `hocket apply` against real processes, one and two of them."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

LIMIT_S = 120


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

    def __init__(self, hocket, graph, out, host=None, more=()):
        self.hocket, self.out = hocket, out
        words = [hocket, "run", graph, "--json", "--out", out, *more]
        if host:
            words += ["--host", host]
        os.makedirs(out, exist_ok=True)
        self.log = open(os.path.join(out, "log"), "a+")
        self.begins = self.log.seek(0, os.SEEK_END)  # behind what a process before it said
        self.printed = open(os.path.join(out, "printed"), "w+")
        self.process = subprocess.Popen(words, stdout=self.printed, stderr=self.log)
        Run.all.append(self.process)

    def said(self):
        self.log.seek(self.begins)
        return self.log.read()

    def status(self):
        done = subprocess.run([self.hocket, "top", "--once", "--json", "--out", self.out],
                              capture_output=True, text=True, timeout=LIMIT_S)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout else None

    def now(self):
        """The same; a busy one may be slow to answer."""
        return until(self.status, "an answer of " + self.out)

    def lost(self):
        """Until its only peer is lost."""
        until(lambda: self.now()["peers"][0]["state"] == "lost", self.out + " to lose its peer")

    def has(self, revision, hash_of):
        """Until its folder keeps this revision: a host that does not lead writes it in its own time."""
        def kept():
            last = self.history()[-1]
            return last["revision"] == revision and last["hash"] == hash_of
        until(kept, "revision %d in %s" % (revision, self.out))

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

    def runs(self):
        until(lambda: (self.status() or {}).get("now_s", 0) > 1, "the run")
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

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
    assert len(run.now()["actors"]) == 4

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


def killed(hocket, text, folder):
    """One process: what a killed run goes on with, and what one that ended begins with."""
    first = write(os.path.join(folder, "first.yaml"), text)
    later = text.replace("delay_ms: 100", "delay_ms: 200")
    second = write(os.path.join(folder, "second.yaml"), later)
    out = os.path.join(folder, "out")
    run = Run(hocket, first, out).runs()
    code, report, said = run.apply(second)
    assert code == 0 and report["revision"] == 2, said
    hashes = [l["hash"] for l in run.history()]
    run.kill()

    run = Run(hocket, first, out).runs()
    assert "was killed with revision 2" in run.said() and "--from-file" in run.said(), run.said()
    last = run.history()[-1]
    assert (last["revision"], last["state"], last["hash"]) == (2, "resumed", hashes[1]), last
    run.flows("speaker.heard > record.model")
    code, report, said = run.apply("--back")
    assert code == 0 and report["revision"] == 3 and report["hash_after"] == hashes[0], said
    code, report, said = run.apply(second)
    assert code == 0 and report["revision"] == 4, said
    run.kill()

    # The file says by now what ran: the number goes on all the same.
    write(first, later)
    run = Run(hocket, first, out).runs()
    assert "was killed" not in run.said(), run.said()
    assert run.history()[-1]["revision"] == 4, run.history()
    run.kill()

    # It says something else: the file it is.
    write(first, text.replace("delay_ms: 100", "delay_ms: 300"))
    run = Run(hocket, first, out).runs()
    assert "beginning with the file" in run.said(), run.said()
    assert [(l["revision"], l["state"]) for l in run.history()] == [(1, "started")], run.history()
    code, report, said = run.apply(second)
    assert code == 0 and report["revision"] == 2, said
    run.kill()
    run = Run(hocket, first, out, more=["--from-file"]).runs()
    assert [l["state"] for l in run.history()] == ["started"], run.history()
    code, report, said = run.apply(second)
    assert code == 0, said
    run.end()

    # It ended in order: that run is over.
    run = Run(hocket, first, out).runs()
    assert "was killed" not in run.said(), run.said()
    assert [l["state"] for l in run.history()] == ["started"], run.history()
    run.end()


def recorded(hocket, text, folder):
    """A recording of a rewired run: what came with the rewire is in it, and it is replayed."""
    first = write(os.path.join(folder, "first.yaml"), text)
    second = "  second: {component: playout.gst, to: none, delay_ms: 50, inputs: {audio: tone.audio}}\n"
    more = write(os.path.join(folder, "more.yaml"),
                 text.replace("delay_ms: 100", "delay_ms: 200").replace("budgets:", second + "budgets:"))
    tape = os.path.join(folder, "run.mcap")
    run = Run(hocket, first, os.path.join(folder, "out"), more=["--record", tape]).runs()
    code, report, said = run.apply(more)
    assert code == 0 and report["revision"] == 2, said
    run.flows("tone.audio > second.audio")
    run.end()

    info = subprocess.run([hocket, "record", "info", tape, "--json"], capture_output=True, text=True)
    info = json.loads(info.stdout)
    assert info["complete"] and not info["problems"], info
    assert [r["revision"] for r in info["revisions"]] == [2], info
    assert info["revisions"][0]["from_s"] == report["at_s"], info
    assert info["revisions"][0]["graph_hash"] == report["hash_after"], info
    outputs = {o["name"]: o for o in info["outputs"]}
    assert outputs["second.heard"]["packets"] > 2, outputs
    assert all(o["missing"] == 0 for o in info["outputs"]), outputs

    done = subprocess.run([hocket, "replay", tape, "--approximate", "--json", "--out",
                           os.path.join(folder, "again")],
                          capture_output=True, text=True, timeout=2 * LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    replay = json.loads(done.stdout)
    assert "second" in replay["ran"] and not replay["not_rewired"], replay
    assert any("rewired to revision 2" in w for w in replay["warnings"]), replay["warnings"]
    rows = {l["from"] + " > " + l["to"]: l for l in replay["links"]}
    heard = rows["tone.audio > second.audio"]["delivered"]
    assert 0 < heard < rows["tone.audio > speaker.audio"]["delivered"], rows

    # One graph from beginning to end, where that is wanted.
    done = subprocess.run([hocket, "replay", tape, "--graph", first, "--json", "--out",
                           os.path.join(folder, "once")],
                          capture_output=True, text=True, timeout=2 * LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    replay = json.loads(done.stdout)
    assert "second" not in replay["ran"], replay
    assert any("--graph runs one graph" in w for w in replay["warnings"]), replay["warnings"]


def on_two_hosts(text, folder):
    text = text.replace("actors:", "hosts:\n  desk: {listen: ipc://%s/desk.ipc}\n"
                        "  edge: {listen: ipc://%s/edge.ipc}\nactors:" % (folder, folder))
    for name, host in (("tone", "desk"), ("speaker", "edge"), ("record", "edge"), ("log", "edge")):
        at = text.index("{component:", text.index("\n  %s:" % name)) + 1
        text = text[:at] + "on: %s, " % host + text[at:]
    return text


def two_processes(hocket, text, folder):
    text = on_two_hosts(text, folder)
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
    # A playout has its device for itself: it could not be tried beside the old one, and that is told.
    assert len(report["notes"]) == 1 and "speaker (playout.gst) was not tried" in report["notes"][0]
    assert all(p["dropped"] == 0 for p in report["packets"]), report
    edge.flows("speaker.heard > record.model")
    for run in (edge, desk):
        run.has(2, report["hash_after"])

    # A process that dies comes back with what its folder keeps; one that knows nothing of it is told.
    edge.kill()
    desk.lost()
    old = Run(hocket, first, os.path.join(folder, "old"), "edge")
    assert old.process.wait(LIMIT_S) == 1
    told = old.said() + open(os.path.join(folder, "old", "printed")).read()
    assert "graph hash differs" in told, told
    edge = Run(hocket, first, os.path.join(folder, "edge"), "edge").runs()
    assert "was killed with revision 2" in edge.said(), edge.said()
    edge.flows("speaker.heard > record.model")
    third = write(os.path.join(folder, "third.yaml"),
                  text.replace("delay_ms: 100", "delay_ms: 150"))
    code, report, said = edge.apply(third)
    assert code == 0 and report["state"] == "committed" and report["revision"] == 3, said

    # The one that leads, too; and the next revision has the next number on both.
    desk.kill()
    edge.lost()
    desk = Run(hocket, first, os.path.join(folder, "desk"), "desk").runs()
    assert "was killed with revision 3" in desk.said(), desk.said()
    edge.flows("speaker.heard > record.model")
    code, report, said = desk.apply(first)
    assert code == 0 and report["state"] == "committed" and report["revision"] == 4, said
    for run in (edge, desk):
        run.has(4, report["hash_after"])
    edge.flows("speaker.heard > record.model")
    edge.process.send_signal(signal.SIGINT)
    assert edge.process.wait(LIMIT_S) == 0, edge.said()
    assert desk.process.wait(LIMIT_S) == 0, desk.said()


def crossing(hocket, text, folder):
    """A link between two processes comes and goes; each of them is killed while it is there."""
    text = on_two_hosts(text, folder)
    second = "  second: {component: playout.gst, on: edge, to: none, delay_ms: 50, inputs: {audio: tone.audio}}\n"
    first = write(os.path.join(folder, "first.yaml"), text)
    more = write(os.path.join(folder, "more.yaml"), text.replace("budgets:", second + "budgets:"))
    broken = write(os.path.join(folder, "broken.yaml"), text.replace(
        "budgets:", second.replace("to: none", "to: nowhere-at-all") + "budgets:"))
    edge = Run(hocket, first, os.path.join(folder, "edge"), "edge")
    desk = Run(hocket, first, os.path.join(folder, "desk"), "desk")
    edge.runs()
    new = "tone.audio > second.audio"

    code, report, said = desk.apply(broken)
    assert code != 0 and report["state"] in ("rolled_back", "refused"), said
    code, report, said = desk.apply(more)
    assert code == 0 and report["state"] == "committed" and report["revision"] == 2, said
    assert not report["notes"] and all(p["dropped"] == 0 for p in report["packets"]), report
    assert {l["name"]: l["fate"] for l in report["links"]} == {new: "added"}, report
    edge.flows(new)
    for run in (edge, desk):
        run.has(2, report["hash_after"])

    # Each of them dies and comes back with the file of the beginning: it goes on with revision 2.
    for name in ("edge", "desk"):
        dies, stays = (edge, desk) if name == "edge" else (desk, edge)
        dies.kill()
        stays.lost()
        again = Run(hocket, first, dies.out, name).runs()
        assert "was killed with revision 2" in again.said(), again.said()
        edge, desk = (again, desk) if name == "edge" else (edge, again)
        edge.flows(new)
        edge.flows("speaker.heard > record.model")

    # It goes, and comes back, and goes: what desk says it sent meanwhile is what edge heard.
    def counted():
        of_desk, of_edge = ({l["from"] + " > " + l["to"]: l for l in run.now()["links"]}
                            for run in (desk, edge))
        sent, heard = of_desk[new + " @edge"], of_edge[new.replace(" >", " @desk >")]
        assert not sent["dropped"] and not heard["dropped"], (sent, heard)
        return sent["sent"], heard["delivered"]

    counts = []
    for file, fate in ((first, "removed"), (more, "added"), (first, "removed")):
        code, report, said = edge.apply(file)
        assert code == 0 and report["state"] == "committed", said
        assert not report["notes"] and all(p["dropped"] == 0 for p in report["packets"]), report
        assert {l["name"]: l["fate"] for l in report["links"]} == {new: fate}, report
        edge.flows(new if fate == "added" else "tone.audio > speaker.audio")
        counts.append(counted())
    assert counts[2][0] - counts[0][0] == counts[2][1] - counts[0][1] > 0, counts
    edge.process.send_signal(signal.SIGINT)
    assert edge.process.wait(LIMIT_S) == 0, edge.said()
    assert desk.process.wait(LIMIT_S) == 0, desk.said()


def crossing_recorded(hocket, text, folder):
    """Both processes record while a link between them comes and goes; then each file is replayed."""
    text = on_two_hosts(text, folder)
    second = "  second: {component: playout.gst, on: edge, to: none, delay_ms: 50, inputs: {audio: tone.audio}}\n"
    first = write(os.path.join(folder, "first.yaml"), text)
    more = write(os.path.join(folder, "more.yaml"), text.replace("budgets:", second + "budgets:"))
    tapes = {name: os.path.join(folder, name + ".mcap") for name in ("desk", "edge")}
    runs = {name: Run(hocket, first, os.path.join(folder, name), name, ["--record", tapes[name]])
            for name in tapes}
    edge, desk = runs["edge"].runs(), runs["desk"]
    boundaries, hashes = [], []
    for file, link in ((more, "tone.audio > second.audio"), (first, "tone.audio > speaker.audio")):
        code, report, said = edge.apply(file)
        assert code == 0 and report["state"] == "committed", said
        boundaries.append(report["at_s"])
        hashes.append(report["hash_after"])
        edge.flows(link)
    edge.process.send_signal(signal.SIGINT)
    for run in (edge, desk):
        assert run.process.wait(LIMIT_S) == 0, run.said()

    # What the other host sent is in the file too: without it edge's actors could not be run again.
    own = {"desk": {"tone.audio", "tone.video"},
           "edge": {"speaker.heard", "speaker.played", "second.heard", "second.played", "tone.audio", "log.forgotten",
                    "record.forgotten"}}
    packets = {}
    for name, tape in tapes.items():
        with open(tape, "rb") as f:
            f.seek(-8, os.SEEK_END)
            assert f.read() == b"\x89MCAP0\r\n", name + ": no footer"
        info = subprocess.run([hocket, "record", "info", tape, "--json"], capture_output=True,
                              text=True)
        info = json.loads(info.stdout)
        assert info["complete"] and not info["problems"], info
        assert info["facts"]["host"] == name, info
        assert [r["revision"] for r in info["revisions"]] == [2, 3], info
        assert [r["from_s"] for r in info["revisions"]] == boundaries, (info, boundaries)
        assert [r["graph_hash"] for r in info["revisions"]] == hashes, (info, hashes)
        assert {o["name"] for o in info["outputs"]} == own[name], info
        assert all(o["missing"] == 0 for o in info["outputs"]), info
        heard = [o["packets"] for o in info["outputs"]
                 if o["name"] == {"desk": "tone.audio", "edge": "second.heard"}[name]]
        assert len(heard) == 1 and heard[0] > 2, info
        packets.update({o["name"]: o["packets"] for o in info["outputs"] if "arrived" not in o["about"]})

    # Both become one on one time base, with everything once; and that plays.
    whole = os.path.join(folder, "whole.mcap")
    done = subprocess.run([hocket, "record", "merge", tapes["edge"], "--with", tapes["desk"], "-o", whole, "--json"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done
    said = json.loads(done.stdout)
    assert said["hosts"] == ["edge", "desk"] and said["complete"] and said["copies"] > 2, said
    done = subprocess.run([hocket, "record", "info", whole, "--json"], capture_output=True, text=True)
    info = json.loads(done.stdout)
    assert info["complete"] and not info["problems"] and info["facts"]["hosts"] == "edge,desk", info
    assert {o["name"]: o["packets"] for o in info["outputs"]} == packets, (info, packets)
    assert [r["from_s"] for r in info["revisions"]] == boundaries, (info, boundaries)
    done = subprocess.run([hocket, "replay", whole, "--json", "--approximate", "--out", os.path.join(folder, "whole")],
                          capture_output=True, text=True, timeout=2 * LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["played"] == ["tone"], done.stdout

    # Desk recorded a source alone: when edge called its actors is not in its file.
    done = subprocess.run([hocket, "replay", tapes["desk"], "--out", os.path.join(folder, "none")],
                          capture_output=True, text=True, timeout=2 * LIMIT_S)
    assert done.returncode == 2 and "replay.not_faithful" in done.stderr, done
    assert not os.path.exists(os.path.join(folder, "none")), done
    done = subprocess.run([hocket, "replay", tapes["desk"], "--json", "--approximate", "--out",
                           os.path.join(folder, "again")],
                          capture_output=True, text=True, timeout=2 * LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    replay = json.loads(done.stdout)
    assert replay["played"] == ["tone"] and "second" in replay["ran"], replay
    assert not replay["not_rewired"], replay
    assert sum("and so is the replay" in w for w in replay["warnings"]) == 2, replay["warnings"]
    rows = {l["from"] + " > " + l["to"]: l for l in replay["links"]}
    heard = rows["tone.audio > second.audio"]["delivered"]
    assert 0 < heard < rows["tone.audio > speaker.audio"]["delivered"], rows

    done = subprocess.run([hocket, "replay", tapes["edge"], "--json", "--out",
                           os.path.join(folder, "edge_again")],
                          capture_output=True, text=True, timeout=2 * LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    replay = json.loads(done.stdout)
    assert replay["played"] == ["tone"] and {"speaker", "second"} <= set(replay["ran"]), replay


def main():
    hocket, graph = sys.argv[1:3]
    with open(graph, encoding="utf-8") as f:
        text = f.read().replace("num-buffers=100", "num-buffers=20000")
    for test in (one_process, killed, recorded, two_processes, crossing, crossing_recorded):
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
