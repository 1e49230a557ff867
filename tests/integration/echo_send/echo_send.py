#!/usr/bin/env python3
"""echo_send.py HOCKET REPOSITORY: what outputs of running graphs say, and packets in their name."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

hocket, tree = os.path.abspath(sys.argv[1]), sys.argv[2]
os.chdir(tree)
work = tempfile.mkdtemp(prefix="hocket-echo-")
os.environ["HOME"] = os.environ["XDG_CONFIG_HOME"] = work  # keys of hosts on loopback

GRAPH = """hocket: 1
name: desk
HOSTSactors:
  tone: {ON1component: capture.gst, pipeline: "audiotestsrc is-live=true samplesperbuffer=320"}
  keys: {ON1component: text.console, script: ["3000 bye"], print: false}
  screen: {ON2component: text.console, script: ["3000 bye"], inputs: {text: keys.text}}
  log: {ON2component: record.events, file: log.jsonl, pii.text: true, inputs: {console: keys.text}}
  rec: {ON2component: record.wav, file: rec.wav, inputs: {person: tone.audio}}
"""
processes = []


def path(name):
    return os.path.join(work, name)


def run(*arguments, expect=0, stdin=""):
    done = subprocess.run([hocket, *arguments], input=stdin, capture_output=True, text=True, timeout=180)
    assert done.returncode == expect, (arguments, done.returncode, done.stdout[-2000:], done.stderr)
    return done


def send(*arguments, stdin=""):
    """In the name of the actor `keys`, whose turn a busy machine may be late for."""
    return run("send", "keys.text", *arguments, "--wait", "120", stdin=stdin)


def start(*arguments, **more):
    p = subprocess.Popen([hocket, *arguments], stdin=subprocess.DEVNULL, text=True, **more)
    processes.append(p)
    return p


def until(holds, what, limit_s=120):
    end = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def runs(out):
    done = subprocess.run([hocket, "top", "--once", "--json", "--out", out], capture_output=True, text=True)
    return done.returncode == 0 and '"now_s":0.0,' not in done.stdout and '"running"' in done.stdout


def echo(*arguments):
    return start("echo", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def hz(*arguments):
    return start("hz", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def listening(*arguments):
    """An echo that the run knows of: it says so."""
    process = echo(*arguments)
    told = process.stderr.readline()
    assert told.endswith(": listening\n"), told + process.stderr.read()
    return process


def lines_of(process):
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, (process.returncode, out, err)
    return [json.loads(line) for line in out.splitlines()]


def one_process():
    graph = path("desk.yaml")
    with open(graph, "w") as f:
        f.write(GRAPH.replace("HOSTS", "").replace("ON1", "").replace("ON2", ""))
    main = start("run", graph, "--out", path("out"), "--no-picture", "--record", path("r.mcap"),
                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: runs(path("out")), "the graph runs")
    at = ["--out", path("out")]

    # Sound as figures, with rate and age.
    heard = lines_of(echo("tone.audio", "--count", "60", "--json", *at))
    assert [h["kind"] for h in heard[:-1]] == ["audio"] * 60, heard
    assert heard[0]["payload"]["frames"] == 320 and heard[0]["payload"]["rms"] > 0.1, heard[0]
    assert all(0 <= h["age_ms"] < 60_000 for h in heard[:-1]), heard
    assert min(h["age_ms"] for h in heard[:-1]) < 5000, heard  # a busy machine is late now and then
    assert heard[-1]["shown"] == 60 and heard[-1]["rate_per_s"] > 0, heard[-1]
    seqs = [h["seq"] for h in heard[:-1]]
    assert seqs == list(range(seqs[0], seqs[0] + 60)), seqs

    # What is sent is heard and recorded, in order; lines of standard input, too.
    listener = listening("keys.text", "--count", "3", "--json", *at)
    sent = json.loads(send("hello there", "--json", *at).stdout)
    assert sent["state"] == "sent" and sent["seq"] == 0, sent
    send(*at, stdin="one\ntwo\n")
    said = [h["payload"]["value"] for h in lines_of(listener)[:-1]]
    assert said == ["hello there", "one", "two"], said

    # An output that says nothing: whoever waits is told so, and hears what comes later.
    patient = listening("keys.text", "--count", "1", "--json", *at)
    told = patient.stderr.readline()
    assert "keys.text: nothing came in" in told, told
    send("at last", *at)
    assert lines_of(patient)[0]["payload"]["value"] == "at last"

    # How often, how regularly and how much: of an output, and of an input, which is fed by it.
    for port in ("tone.audio", "rec.person"):
        *windows, whole = lines_of(hz(port, "--count", "2", "--every", "1", "--json", *at))
        assert [w["type"] for w in windows] == ["window"] * 2 and whole["type"] == "summary", windows
        assert whole["packets"] > 0 and whole["bytes"] == 1280 * whole["packets"], whole
        assert whole["packets"] >= sum(w["packets"] for w in windows), (windows, whole)
        assert whole["min_ms"] <= whole["mean_ms"] <= whole["max_ms"] and whole["jitter_ms"] >= 0, whole
        assert whole["dropped"] == {}, whole
    # A name that is both: what it says, and, asked so, what comes in. `screen` says nothing.
    incoming = hz("screen.text", "--input", "--count", "0", "--every", "1", "--json", *at)
    outgoing = hz("screen.text", "--count", "0", "--every", "1", "--json", *at)
    assert json.loads(outgoing.stdout.readline())["type"] == "window"  # it measures, and ends in order
    until(lambda: send("again", *at) and json.loads(incoming.stdout.readline())["packets"] > 0, "a window with packets")
    for meter in (incoming, outgoing):
        meter.send_signal(signal.SIGINT)
    assert lines_of(incoming)[-1]["packets"] > 0
    assert lines_of(outgoing)[-1]["packets"] == 0
    assert "no input that is fed is called `tone.audio`" in run("hz", "tone.audio", "--input", "--count", "1", *at, expect=2).stderr
    assert "did you mean `keys.text`" in run("hz", "keys.txt", *at, expect=2).stderr
    assert "tone.audio: " in run("hz", "tone.audio", "--count", "1", *at).stdout

    # Mistakes are the user's, and told; a graph that does not run is none of his.
    assert "did you mean `keys.text`" in run("send", "keys.txt", "x", *at, expect=2).stderr
    assert "fed by tone.audio" in run("echo", "rec.person", "--count", "1", *at, expect=2).stderr
    assert "cannot be typed" in run("send", "tone.audio", "x", *at, expect=2).stderr
    assert "conversation" in run("send", "keys.text", "x", "--session", "9", *at, expect=2).stderr
    run("echo", "keys.text", "--out", path("nothing"), expect=2)

    # Ctrl-C ends it in order, and so does a reader that goes.
    for stop in ("signal", "reader"):
        p = echo("tone.audio", *at)
        assert "age" in p.stdout.readline()
        if stop == "signal":
            p.send_signal(signal.SIGINT)
        p.stdout.close()
        p.wait(120)
        assert p.returncode == 0, p.returncode

    # It ends with the run; the books of the run hold, and the recording has what was sent.
    last = echo("tone.audio", "--json", *at)
    assert last.stdout.readline()  # it has begun
    main.send_signal(signal.SIGINT)
    assert main.wait(120) == 0, main.returncode
    assert lines_of(last)[-1]["run_ended"] is True
    with open(path("out/log.jsonl")) as f:
        words = [json.loads(line)["text"] for line in f if "text" in line]
    assert words[:4] == ["hello there", "one", "two", "at last"], words
    run("replay", path("r.mcap"), "--check", "--out", path("again"))


def a_change():
    """Whoever looks goes on over `apply`, and is told where it takes the output away."""
    def graph(name, *lines):
        text = GRAPH.replace("HOSTS", "").replace("ON1", "").replace("ON2", "").splitlines()
        with open(path(name), "w") as f:
            f.write("\n".join([*text[:3], *(t for t in text[3:] if t.split(":")[0].strip() in lines), ""]))
        return path(name)

    all_of_it = graph("all.yaml", "tone", "keys", "screen", "rec")
    main = start("run", all_of_it, "--out", path("changed"), "--no-picture", stdout=subprocess.DEVNULL,
                 stderr=subprocess.DEVNULL)
    until(lambda: runs(path("changed")), "the graph runs")
    at = ["--out", path("changed")]
    looker = listening("keys.text", "--count", "1", "--json", *at)
    run("apply", graph("less.yaml", "tone", "rec"), *at)
    until(lambda: "took it away" in looker.stderr.readline(), "it is told")
    run("apply", all_of_it, *at)
    send("back again", *at)
    assert lines_of(looker)[0]["payload"]["value"] == "back again"
    main.send_signal(signal.SIGINT)
    assert main.wait(120) == 0


def several_hosts():
    graph = path("hosts.yaml")
    hosts = "hosts:\n  left: {listen: tcp://127.0.0.1:7400}\n  right: {listen: tcp://127.0.0.1:7410}\n"
    with open(graph, "w") as f:
        f.write(GRAPH.replace("HOSTS", hosts).replace("ON1", "on: left, ").replace("ON2", "on: right, "))
    address = path("right.address")  # of two hosts the one with the smaller name dials
    common = ["--no-picture", "--listen", "tcp://localhost:0"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    right = start("run", graph, "--host", "right", "--out", path("two/right"), "--address-file", address,
                  *common, **quiet)
    until(lambda: os.path.exists(address), "right listens")
    with open(address) as f:
        where = f.read().strip().replace("127.0.0.1", "localhost")
    left = start("run", graph, "--host", "left", "--out", path("two/left"), "--peer", "right=" + where,
                 *common, **quiet)
    until(lambda: runs(path("two/left")), "both run")
    # The folder of both: who has the actor answers. The other host alone says where to ask.
    listener = listening("keys.text", "--count", "1", "--json", "--out", path("two"))
    send("far away", "--out", path("two"))
    assert lines_of(listener)[0]["payload"]["value"] == "far away"
    said = run("echo", "keys.text", "--count", "1", "--out", path("two/right"), expect=2).stderr
    assert "runs on host left" in said, said
    meter = hz("tone.audio", "--count", "0", "--json", "--out", path("two"))
    until(lambda: json.loads(meter.stdout.readline())["packets"] > 0, "a window with packets")
    meter.send_signal(signal.SIGINT)
    assert lines_of(meter)[-1]["packets"] > 0
    assert "runs on host left" in run("hz", "keys.text", "--count", "1", "--out", path("two/right"),
                                      expect=2).stderr
    until(lambda: "far away" in open(path("two/right/log.jsonl")).read(), "it arrives there")
    for p in (left, right):
        p.send_signal(signal.SIGINT)
    for p in (left, right):
        p.wait(120)
        assert p.returncode == 0, p.returncode


try:
    one_process()
    a_change()
    several_hosts()
finally:
    for p in processes:
        if p.poll() is None:
            p.kill()
    shutil.rmtree(work, ignore_errors=True)
