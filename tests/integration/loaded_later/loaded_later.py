#!/usr/bin/env python3
"""loaded_later.py HOCKET PLUGINS [--no-python]: plugins that a change brings to a running graph."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

LIMIT_S = 120
HOCKET, PLUGINS = sys.argv[1], pathlib.Path(sys.argv[2])
TONE = ("  tone: {component: capture.gst, pipeline: \"audiotestsrc is-live=true samplesperbuffer=320 ! "
        "audio/x-raw,rate=16000\"%s}\n"
        "  ears: {component: playout.gst, to: none%s, inputs: {audio: tone.audio}}\n")
LATER = ("  pulse: {component: faulty.pulse%s}\n"
         "  book: {component: faulty.ledger%s, inputs: {numbers: pulse.numbers}}\n")


def until(condition, what):
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("waited %d s for %s" % (LIMIT_S, what))


def take(plugin, to):
    """A copy that nobody else can change, whatever the umask was when it was built."""
    pathlib.Path(shutil.copy(PLUGINS / plugin, to)).chmod(0o755)


def graph(folder, name, actors, plugins=(), hosts=""):
    path = folder / name
    listed = "".join("  - %s\n" % p for p in plugins)
    path.write_text("hocket: 1\nname: later\n" + (f"plugins:\n{listed}" if listed else "") + hosts +
                    "actors:\n" + actors)
    return path


class Run:
    """One process of a run."""

    all = []

    def __init__(self, file, out, *more):
        out.mkdir(exist_ok=True)
        self.out = out
        self.log = open(out / "log", "a+")
        self.process = subprocess.Popen([HOCKET, "run", file, "--no-picture", "--json", "--out", out, *more],
                                        stdout=open(out / "printed", "w"), stderr=self.log)
        Run.all.append(self.process)

    def ask(self, line):
        """What the run's socket answers."""
        assert self.process.poll() is None, (self.out / "log").read_text()
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(LIMIT_S)
            s.connect(os.path.relpath(self.out / "hocket.sock"))
            s.sendall((line + "\n").encode())
            return json.loads(s.makefile().readline())

    def runs(self):
        def goes():
            try:
                return self.ask("status").get("now_s", 0) > 0
            except OSError:
                return False
        until(goes, "the run in %s" % self.out)
        return self

    def actors(self):
        return {a["name"] for a in self.ask("status")["actors"] if a["state"] != "stopped"}

    def apply(self, *words):
        done = subprocess.run([HOCKET, "apply", "--json", "--out", self.out, *words],
                              capture_output=True, text=True, timeout=LIMIT_S)
        report = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        return done.returncode, report, done.stdout + done.stderr

    def refused(self, code, text, file, **more):
        """What `apply` says to the run; without a program to start each time."""
        request = {"file": str(file), "text": file.read_text(), **more}
        answer = self.ask("rewire " + json.dumps(request))
        ticket = answer.get("ticket")
        while answer.get("state", "running") == "running":
            time.sleep(0.01)
            answer = self.ask("rewired %d" % ticket)
        assert answer["state"] == "refused" and answer["code"] == code, answer
        assert text in answer["why"], answer

    def has_loaded(self, library):
        return library in pathlib.Path("/proc/%d/maps" % self.process.pid).read_text()

    def grows(self, name):
        book = self.out / name
        size = book.stat().st_size if book.exists() else 0
        until(lambda: book.exists() and book.stat().st_size > size, "%s to grow" % book)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.ended()

    def ended(self):
        self.log.seek(0)
        assert self.process.wait(LIMIT_S) == 0, self.log.read()
        last = json.loads((self.out / "printed").read_text().strip().split("\n")[-1])
        assert last["law_holds"], last


def one_process(folder):
    libraries, others = folder / "libraries", folder / "others"
    for to, names in ((libraries, ("faulty.so", "stranger.so", "plain.so", "half.so", "thrower.so")),
                      (others, ("faulty.so",))):
        to.mkdir()
        for name in names:
            take(name, to)
    plain = TONE % ("", "")
    first = graph(folder, "first.yaml", plain)
    more = graph(folder, "more.yaml", plain + LATER % ("", ""), ["libraries/faulty.so"])
    faulty = libraries / "faulty.so"

    # Who may change the graph does not say what is loaded: who started the run did.
    run = Run(first, folder / "closed").runs()
    run.refused("rewire.plugins", "may not load it", more)
    code, report, said = run.apply(first, "--plugin", faulty)
    assert code == 2 and report["code"] == "rewire.plugins" and "--may-load" in report["why"], said
    refusals = [json.loads(line) for line in (run.out / "refusals.jsonl").read_text().splitlines()]
    assert any("faulty.so" in json.dumps(r) for r in refusals), refusals
    assert not run.has_loaded("faulty.so")
    run.end()

    run = Run(first, folder / "out", "--may-load", folder / "libraries/*.so").runs()
    # Beside what it said, by a link within what it said, where others could change it: the same.
    (libraries / "link.so").symlink_to(others / "faulty.so")
    for name in ("others/faulty.so", "libraries/link.so", "libraries/../others/faulty.so"):
        run.refused("rewire.plugins", "others/faulty.so", graph(folder, "bad.yaml", plain, [name]))
    for what, mode in ((faulty, 0o757), (faulty, 0o775), (libraries, 0o777)):
        what.chmod(mode)
        run.refused("plugin.cannot_load", "chmod go-w", more)
        what.chmod(0o755)

    # To look, or to refuse, loads nothing.
    run.refused("rewire.plugins", "--manifest", more, dry_run=True)
    wrong = graph(folder, "wrong.yaml", plain + "  pulse: {component: faulty.pulse, evry_ms: 1}\n"
                  "  ghost: {component: capture.nothing}\n", ["libraries/faulty.so"])
    subprocess.run([HOCKET, "run", "--manifest", faulty], check=True, stdout=subprocess.DEVNULL)
    run.refused("apply.bad_graph", "did you mean `every_ms`", wrong)
    code, report, said = run.apply(more, "--dry-run")
    assert code == 0 and report["state"] == "planned", said
    assert [a["name"] for a in report["actors"]] == ["pulse", "book"], report
    assert not run.has_loaded("faulty.so")

    for library, error, text in (("nowhere.so", "plugin.cannot_load", "nowhere.so"),
                                 ("plain.so", "plugin.not_a_plugin", "plain.so"),
                                 ("stranger.so", "plugin.abi_mismatch", "hocket-0.0-0-cxx98"),
                                 ("half.so", "half.broken", "half.so"),
                                 ("thrower.so", "plugin.threw", "thrower.so")):
        run.refused(error, text, graph(folder, "bad.yaml", plain, ["libraries/" + library]))
    assert not run.has_loaded("stranger.so") and not run.has_loaded("plain.so")
    assert run.actors() == {"tone", "ears"}

    # Another actor of the same change does not open: none of the plugin's is left.
    broken = graph(folder, "broken.yaml", plain + LATER % ("", "") +
                   "  lost: {component: capture.gst, file: /nowhere/at-all.wav}\n"
                   "  deaf: {component: playout.gst, to: none, inputs: {audio: lost.audio}}\n",
                   ["libraries/faulty.so"])
    code, report, said = run.apply(broken)
    assert code == 1 and report["state"] == "rolled_back" and "at-all.wav" in report["why"], said
    assert run.actors() == {"tone", "ears"} and run.has_loaded("faulty.so"), run.actors()

    # A file that does not name it: --plugin does.
    unnamed = graph(folder, "unnamed.yaml", plain + LATER % ("", ""))
    code, report, said = run.apply(unnamed, "--plugin", faulty)
    assert code == 0 and report["state"] == "committed" and report["revision"] == 2, said
    run.grows("book.ledger")
    code, report, said = run.apply("--back")
    assert code == 0 and report["revision"] == 3 and "pulse" not in run.actors(), said
    assert run.has_loaded("faulty.so")
    code, report, said = run.apply(more)
    assert code == 0 and report["revision"] == 4, said
    run.grows("book.ledger")

    # Killed, it goes on with it where its operator says so again.
    run.kill()
    refused = subprocess.run([HOCKET, "run", first, "--no-picture", "--out", run.out], text=True,
                             capture_output=True, timeout=LIMIT_S)
    assert refused.returncode == 2 and "same --may-load" in refused.stderr, refused.stderr
    run = Run(first, folder / "out", "--may-load", folder / "libraries/*.so").runs()
    run.grows("book.ledger")
    assert run.has_loaded("faulty.so")
    run.end()


def python(folder):
    """The same with a file in Python, allowed beforehand."""
    os.environ["HOCKET_PYTHON"] = sys.executable
    done = subprocess.run([HOCKET, "new", "component", "gain", "--python"], cwd=folder,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    gain = folder / "gain" / "gain.py"
    plain = TONE % ("", "")
    first = graph(folder / "gain", "first.yaml", plain)
    more = graph(folder / "gain", "more.yaml",
                 plain + "  louder: {component: python.gain.Gain, inputs: {audio: tone.audio}}\n"
                 "  after: {component: playout.gst, to: none, inputs: {audio: louder.audio}}\n")
    run = Run(first, folder / "out", "--may-load", gain).runs()
    code, report, said = run.apply(more)
    assert code == 0 and report["state"] == "committed", said

    def heard():
        return any(l["delivered"] > 5 for l in run.ask("status").get("links", [])
                   if l["to"].startswith("after."))
    until(heard, "sound through Python")
    gain.write_text("import not_there_at_all\n")
    other = graph(folder / "gain", "other.yaml",
                  plain + "  x: {component: python.other.Gain, inputs: {audio: tone.audio}}\n")
    run.refused("rewire.plugins", "other.py", other)
    run.end()


def two_processes(folder):
    homes = {name: folder / name for name in ("desk", "edge")}
    hosts = "hosts:\n" + "".join(f"  {n}: {{listen: \"ipc://{folder}/{n}.ipc\"}}\n" for n in homes)
    on = tuple(", on: " + n for n in homes)
    more = "  more: {component: playout.gst, to: none%s, inputs: {audio: tone.audio}}\n"
    files = {}
    for name, home in homes.items():
        home.mkdir()
        # Others' types: where `two.so` is allowed it is loaded, and stays, also when the other host refuses.
        take("faulty.so", home / "one.so")
        take("good.so", home / "two.so")
        files[name] = {
            "first": graph(home, "first.yaml", TONE % on, hosts=hosts),
            "one": graph(home, "one.yaml", TONE % on + LATER % on, ["one.so"], hosts),
            "two": graph(home, "two.yaml", TONE % on + more % on[1], ["two.so"], hosts)}
    edge = Run(files["edge"]["first"], folder / "out_edge", "--host", "edge",
               "--may-load", homes["edge"] / "one.so")
    desk = Run(files["desk"]["first"], folder / "out_desk", "--host", "desk",
               "--may-load", homes["desk"] / "*.so").runs()
    edge.runs()

    # Allowed at one of the two: nothing changes on either, whoever is asked.
    for asked in (desk, edge):
        name = "desk" if asked is desk else "edge"
        code, report, said = asked.apply(files[name]["two"])
        assert code != 0 and report["code"] == "rewire.plugins", said
        assert "two.so" in report["why"], said
        assert report["host"] == ("edge" if asked is desk else ""), said
        assert asked is edge or str(homes["edge"]) not in report["why"], said
        assert "more" not in desk.actors() | edge.actors() and not edge.has_loaded("two.so")

    code, report, said = edge.apply(files["edge"]["one"])
    assert code == 0 and report["state"] == "committed", said
    edge.grows("book.ledger")
    assert edge.has_loaded(str(homes["edge"] / "one.so"))
    assert desk.has_loaded(str(homes["desk"] / "one.so"))
    desk.end()
    edge.ended()


def main():
    os.umask(0o022)  # plugins that others can change are refused
    parts = [one_process, two_processes] + ([] if "--no-python" in sys.argv else [python])
    try:
        for part in parts:
            with tempfile.TemporaryDirectory() as folder:
                part(pathlib.Path(folder))
                print("fine:", part.__name__, flush=True)
    finally:
        for process in Run.all:
            if process.poll() is None:
                process.kill()
                process.wait()


main()
