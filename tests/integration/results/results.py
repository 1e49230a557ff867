#!/usr/bin/env python3
"""results.py HOCKET REPOSITORY [CHECK...]: no command destroys what another one made."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import wave

hocket, tree, wanted = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3:]
os.chdir(tree)
work = tempfile.mkdtemp(prefix="hocket-results-")

LIVE = """hocket: 1
name: live
actors:
  tone: {component: capture.gst, pipeline: "audiotestsrc is-live=true samplesperbuffer=320"}
  rec: {component: record.wav, file: rec.wav, inputs: {person: tone.audio}}
"""


def path(name):
    return os.path.join(work, name)


def write(name, text):
    with open(path(name), "w") as f:
        f.write(text)
    return path(name)


def read(name):
    with open(path(name), "rb") as f:
        return f.read()


def run(*arguments, expect=0):
    done = subprocess.run([hocket, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=240)
    assert done.returncode in (expect if isinstance(expect, tuple) else (expect,)), (arguments, done.returncode, done.stdout[-2000:], done.stderr)
    return done.stdout + done.stderr


def until(holds, what, limit_s=120):
    end = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def start(*arguments):
    return subprocess.Popen([hocket, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def left_over(folder):
    return [n for n in os.listdir(path(folder)) if n.endswith(".new")]


def two_runs_in_one_folder():
    graph = write("live.yaml", LIVE)
    first = start("run", graph, "--out", path("one"), "--record", path("one.mcap"))
    until(lambda: os.path.exists(path("one/rec.wav")) and len(read("one/rec.wav")) > 44, "it runs")
    for folder in (path("one"), path("one/"), path("x/../one")):
        said = run("run", graph, "--out", folder, expect=2)
        assert "run.folder_in_use" in said and f"process {first.pid}" in said and "--out" in said, said
    said = run("run", graph, "--out", path("other"), "--record", path("one.mcap"), expect=2)
    assert "one.mcap" in said and "being written" in said, said
    first.send_signal(signal.SIGTERM)
    assert first.wait(120) == 0
    assert "COMPLETE" in run("record", "info", path("one.mcap")).splitlines()[0]
    run("run", "configs/graphs/tone.yaml", "--virtual", "--out", path("one"))  # free again


def a_start_that_fails():
    run("run", "configs/graphs/loopback.yaml", "--virtual", "--out", path("kept"),
        "--record", path("kept/r.mcap"))
    names = ["loopback.wav", "loopback.jsonl", "events.jsonl", "conversation.svg", "r.mcap"]
    before = {n: read("kept/" + n) for n in names}
    text = open("configs/graphs/loopback.yaml").read()
    bad = "actors:\n  bad: {component: capture.gst, pipeline: nosuchelement}"
    for recorder in ("component: record.wav", "component: record.wav, process: own"):
        broken = write("broken.yaml", text.replace("component: record.wav", recorder).replace(
            "actors:", bad, 1))
        said = run("run", broken, "--virtual", "--out", path("kept"), "--record", path("kept/r.mcap"),
                   expect=(1, 2))
        assert "nosuchelement" in said, said
        assert {n: read("kept/" + n) for n in names} == before, f"changed: {recorder}"
        assert not left_over("kept"), os.listdir(path("kept"))
    own = write("own_recorder.yaml", text.replace("component: record.wav", recorder))
    run("run", own, "--virtual", "--out", path("kept"), "--no-picture")
    assert read("kept/loopback.wav") == before["loopback.wav"] and not left_over("kept")


def a_change_that_is_rolled_back():
    """Of its new recorders: the files that were there stay as they are, no others are left behind."""
    graph = write("steady.yaml", LIVE)
    running = start("run", graph, "--out", path("change"))
    until(lambda: os.path.exists(path("change/rec.wav")) and len(read("change/rec.wav")) > 44, "it runs")
    old = {"old.wav": b"yesterday", "own.wav": b"before", "log.mcap": b"long ago"}
    for name, content in old.items():
        with open(path("change/" + name), "wb") as f:
            f.write(content)
    more = LIVE + """  a: {component: record.wav, file: old.wav, inputs: {person: tone.audio}}
  b: {component: record.wav, process: own, file: own.wav, inputs: {person: tone.audio}}
  c: {component: record.mcap, file: log.mcap, inputs: {audio: tone.audio}}
  d: {component: record.wav, file: fresh.wav, inputs: {person: tone.audio}}
"""
    bad = write("bad.yaml", more + """  ears: {component: audio.dmel, inputs: {audio: tone.audio}}
  model: {component: interaction.model, model: no/such/folder, inputs: {audio: ears.frames}}
""")
    said = run("apply", bad, "--out", path("change"), expect=1)
    assert "no/such/folder" in said and "rolled back" in said, said
    assert {n: read("change/" + n) for n in old} == old, "a change that was rolled back changed files"
    assert not os.path.exists(path("change/fresh.wav")) and not left_over("change"), os.listdir(path("change"))
    run("apply", write("more.yaml", more), "--out", path("change"))
    until(lambda: all(len(read("change/" + n)) > 100 for n in (*old, "fresh.wav")), "the new ones write")
    running.send_signal(signal.SIGTERM)
    assert running.wait(120) == 0
    for name in ("old.wav", "own.wav", "fresh.wav"):
        assert read("change/" + name)[:4] == b"RIFF", name
    assert not left_over("change"), os.listdir(path("change"))


def voices(name):
    """Person and model, as samples."""
    with wave.open(path(name)) as w:
        both = memoryview(w.readframes(w.getnframes())).cast("h")
    return both[::2].tolist(), both[1::2].tolist()


def a_change_of_a_file():
    """A recorder that gets another file by `apply`: what an earlier run left there is not gone on with,
    what this run wrote is; and a change that two actors would write into is refused."""
    os.makedirs(path("files"))
    with wave.open(path("files/yesterday.wav"), "wb") as w:
        w.setparams((2, 2, 16000, 0, "NONE", ""))
        w.writeframes(b"\x11\x11" * 2 * 16000 * 600)
    running = start("run", write("change0.yaml", LIVE), "--out", path("files"), "--no-picture")

    def grown(name, to):
        until(lambda: os.path.exists(path(name)) and len(read(name)) > to, name + " grows")

    grown("files/rec.wav", 100_000)  # more than a second
    for more in ("rec.wav", "./REC.wav", "revisions/history.jsonl", "events.jsonl"):
        second = write("change1.yaml", LIVE + f"  two: {{component: record.wav, file: {more}, "
                       "inputs: {model: tone.audio}}\n")
        said = run("apply", second, "--out", path("files"), expect=2)
        assert "output.same-file" in said and "nothing was touched" in said, said
    run("apply", write("change2.yaml", LIVE.replace("rec.wav", "yesterday.wav")), "--out", path("files"))
    until(lambda: 60_000 < len(read("files/yesterday.wav")) < 20_000_000, "it is a recording of today")
    first = voices("files/rec.wav")[0]
    for rotate in (", rotate: {minutes: 1}", ""):
        grown("files/rec.wav" if rotate == "" else "files/yesterday.wav", 100_000)
        run("apply", write("change3.yaml", LIVE.replace("rec.wav", "rec.wav" + rotate)), "--out", path("files"))
    grown("files/rec.wav", 60_000)
    running.send_signal(signal.SIGTERM)
    assert running.wait(120) == 0
    person, model = voices("files/yesterday.wav")
    assert max(person) > 10_000 and max(model) == 0, "what an earlier run left is in it"
    names = ["files/rec.part0001.wav", "files/rec.part0002.wav", "files/rec.wav"]
    assert voices(names[0])[0][:len(first)] == first, "what this run wrote is gone"
    for name in names[1:]:
        assert max(voices(name)[0][:8000]) > 10_000, name + " begins with silence that was none"


def numbers_that_are_none():
    for command in (["apply", "x.yaml", "--at"], ["top", "--every"], ["scenarios", "--field"],
                    ["run", "x.yaml", "--duration"], ["record", "delete", "x", "--older-than-days"],
                    ["eval", "--seconds"], ["bench", "lm", "--seconds"], ["send", "a.b", "x", "--wait"],
                    ["plan", "x.yaml", "--tail"]):
        for number in ("nan", "inf"):
            said = run(*command[:-1], f"{command[-1]}={number}", expect=2)
            assert command[-1] in said, (command, number, said)


def the_same_file_twice():
    graph = write("same.yaml", LIVE.replace(" is-live=true", " num-buffers=10") +
                  "  rec2: {component: record.wav, file: ./Rec.wav, inputs: {model: tone.audio}}\n")
    said = run("validate", graph, expect=2)
    assert "output.same-file" in said and "rec (record.wav)" in said and "rec2 (record.wav)" in said
    graph = write("one_file.yaml", LIVE.replace(" is-live=true", " num-buffers=10"))
    os.makedirs(path("f"))
    for option in ("--record", "--trace"):
        said = run("run", graph, "--virtual", "--out", path("f"), option, path("f/./rec.wav"), expect=2)
        assert "output.same-file" in said and option in said, said
    log = write("log.yaml", LIVE.replace("file: rec.wav", "file: events.jsonl"))
    assert "output.same-file" in run("run", log, "--out", path("f"), expect=2)


def what_is_read_is_not_written():
    graph = write("make.yaml", LIVE.replace(" is-live=true", " num-buffers=50") +
                  "  log: {component: record.mcap, file: log.mcap, inputs: {audio: tone.audio}}\n")
    run("run", graph, "--virtual", "--out", path("src"))
    os.symlink("log.mcap", path("src/link.mcap"))
    before = read("src/log.mcap")
    for name in ("src/log.mcap", "src/link.mcap"):
        said = run("replay", path(name), "--out", path("src"), expect=2)
        assert "output.is-input" in said and "the recording" in said, said
    assert read("src/log.mcap") == before
    text = read("make.yaml")
    said = run("graph", graph, "-o", path("make.yaml"), expect=2)
    assert "output.is-input" in said and "the graph file" in said, said
    assert read("make.yaml") == text
    loop = write("loop.yaml", LIVE.replace(
        'pipeline: "audiotestsrc is-live=true samplesperbuffer=320"', f'file: {path("src/rec.wav")}'))
    before = read("src/rec.wav")
    assert "output.is-input" in run("run", loop, "--virtual", "--out", path("src"), expect=2)
    assert read("src/rec.wav") == before


def what_blocks_while_it_opens():
    os.mkfifo(path("pipe"))
    graph = write("fifo.yaml", LIVE.replace(
        'pipeline: "audiotestsrc is-live=true samplesperbuffer=320"', f'file: {path("pipe")}'))
    os.makedirs(path("fifo"))
    with open(path("fifo/rec.wav"), "w") as f:
        f.write("yesterday")
    blocked = start("run", graph, "--out", path("fifo"))
    until(lambda: os.path.exists(path("fifo/.hocket.lock")), "it starts")
    time.sleep(0.5)
    blocked.send_signal(signal.SIGTERM)
    blocked.wait(120)
    assert read("fifo/rec.wav") == b"yesterday"


def a_check_that_could_compare_nothing():
    for virtual in (["--virtual"], []):
        recording = path("part.mcap")
        run("run", "configs/graphs/loopback.yaml", *virtual, "--out", path("part"), "--record", recording,
            "--record-edges", "speaker.played", "--no-picture", "--duration", "1")
        said = run("replay", recording, "--check", "--out", path("part2"), expect=(1, 2))
        assert "replay.nothing_compared" in said or "replay.not_recorded" in said, said


def pieces_of_one_run():
    """Turns of a recording and a log: one run's are joined, a run before it is left out."""
    tone = LIVE.replace(" is-live=true", " num-buffers=%d")
    for buffers, pieces, packets in ((8000, 3, 8000), (50, 1, 50)):
        run("run", write("turns.yaml", tone % buffers), "--virtual", "--no-picture", "--out", path("turns"),
            "--record", path("turns/t.mcap"), "--rotate", "minutes=1")
        merged = json.loads(run("record", "merge", path("turns/t.mcap"), path("whole.mcap"), "--json"))
        assert merged["pieces"] == pieces and merged["left_out"] == 3 - pieces and merged["complete"], merged
        info = json.loads(run("record", "info", path("whole.mcap"), "--json"))
        assert info["packets"] == packets and info["complete"] and not info["outputs"][0]["missing"], info
        run("picture", path("turns/events.jsonl"), "-o", path("turns/all.svg"))
    said = run("picture", path("turns/events.jsonl"), "-o", path("turns/events.jsonl"), expect=2)
    assert "output.is-input" in said, said


def names_that_belong_to_a_run():
    graph = write("short.yaml", LIVE.replace(" is-live=true", " num-buffers=10"))
    for name in ("revisions/history.jsonl", "refusals.jsonl", "t.part0002.mcap"):
        own = write("own.yaml", LIVE.replace(" is-live=true", " num-buffers=10").replace(
            "file: rec.wav", f"file: {name}"))
        said = run("run", own, "--virtual", "--out", path("own"), "--rotate", "mib=1",
                   "--record", path("own/t.mcap"), expect=2)
        assert "output.same-file" in said and "rec (record.wav)" in said, (name, said)
        said = run("run", graph, "--virtual", "--out", path("own"), "--rotate", "mib=1",
                   "--trace", path("own/" + name), "--record", path("own/t.mcap"), expect=2)
        assert "output.same-file" in said and "--trace" in said, (name, said)
    # A pipeline's own sink and source are files of the run, too.
    piped = write("piped.yaml", f"""hocket: 1
name: piped
actors:
  tone: {{component: capture.gst, pipeline: "audiotestsrc num-buffers=9 ! wavenc ! tee name=t t. ! queue !
          filesink location={path('own/two.wav')} t. ! wavparse"}}
  rec: {{component: record.wav, file: two.wav, inputs: {{person: tone.audio}}}}
""")
    assert "output.same-file" in run("run", piped, "--virtual", "--out", path("own"), expect=2)
    run("run", graph, "--virtual", "--no-picture", "--out", path("own"))
    before = read("own/rec.wav")
    again = write("again.yaml", LIVE.replace(
        "audiotestsrc is-live=true samplesperbuffer=320", f"filesrc location={path('own/rec.wav')} ! wavparse"))
    assert "output.is-input" in run("run", again, "--virtual", "--out", path("own"), expect=2)
    assert read("own/rec.wav") == before


def what_would_do_nothing_is_refused():
    graph = write("plain.yaml", LIVE.replace(" is-live=true", " num-buffers=10"))
    for option in ("--listen", "--secret-key", "--address-file"):
        said = run("run", graph, "--virtual", "--out", path("none"), option, "tcp://127.0.0.1:7000", expect=2)
        assert option in said and "hosts" in said, said
    for name in ('""', "a/", "x" * 300, '"a\\eb.wav"'):
        said = run("validate", write("name.yaml", LIVE.replace("file: rec.wav", f"file: {name}")), expect=2)
        assert "trust.output" in said and "rec (record.wav)" in said, said
    for listen in ("ipc:///tmp/" + "x" * 120, "tcp://256.1.1.1:7400", "tcp://1.2.3:7400", "tcp://7:7400",
                   "tcp://0x7f000001:7400"):
        said = run("validate", write("hosts.yaml", LIVE.replace("actors:", f"""hosts:
  a: {{listen: "{listen}", insecure: true}}
actors:""").replace("{component", "{on: a, component")), expect=2)
        assert "host.bad-address" in said, said
    for beside in (["--from", graph, "--at", "5"], ["--from", graph, "--revision", "1"],
                   ["--history", "--set", "rec.file=a.wav"], ["--list", "--cancel", "1"]):
        file = [] if beside[0].startswith(("--h", "--l")) else [graph]
        said = run("apply", *file, *beside, "--out", path("none"), expect=2)
        assert "would do nothing beside " + beside[0] in said and beside[-2] in said, said
    for first, second in (("localhost", "127.0.0.1"), ("GPU.example", "gpu.Example"), ("[::1]", "[0:0::1]")):
        said = run("validate", write("near.yaml", LIVE.replace("actors:", f"""hosts:
  a: {{listen: "tcp://{first}:7400", insecure: true}}
  b: {{listen: "tcp://{second}:7401", insecure: true}}
actors:""").replace("tone: {c", "tone: {on: a, c").replace("rec: {c", "rec: {on: b, c")), expect=2)
        assert "host.address-taken" in said, said


def help_shows_all_commands():
    for words in (["help"], ["--help"]):
        said = run(*words)
        assert all(name in said for name in ("validate", "replay", "doctor")), said
    assert "--virtual" in run("help", "run")


def every_path_of_every_command():
    """No path, whatever it is, hangs a command, takes it down, or moves the terminal's cursor."""
    graph = write("short.yaml", LIVE.replace(" is-live=true", " num-buffers=10"))
    run("run", graph, "--virtual", "--no-picture", "--out", path("p"), "--record", path("p/r.mcap"))
    os.mkfifo(path("p/fifo"))
    os.symlink("ring", path("p/ring"))
    fifo, ring, escape = path("p/fifo"), path("p/ring"), os.fsencode(path("p/")) + b"\xff\x1b[2J\x07"
    for command in (["apply", fifo], ["apply", "/dev/zero", "--from", graph], ["apply", graph, "--from", fifo],
                    ["record", "merge", ring, path("w")], ["picture", ring, "-o", path("w.svg")],
                    ["new", "tool", "zz", "--out-of-tree", ring], ["doctor", "--out", escape],
                    ["scenarios", "--count", "1", "--out", os.fsencode(fifo) + b"/\x1b[2J\x07"],
                    ["record", "info", escape], ["graph", graph, "-o", ""], ["doctor", ""]):
        done = subprocess.run([hocket, *command], stdin=subprocess.DEVNULL, capture_output=True, timeout=240)
        out = done.stdout + done.stderr
        assert done.returncode in (1, 2) and b"\x1b" not in out and b"\x07" not in out, (command, done)
        assert b"cli.internal" not in out, (command, done)
        out.decode()
    said = run("run", graph, "--virtual", "--out", path("p2"), "--record", path("p/fifo"), expect=2)
    assert "a pipe or a terminal" in said, said


def every_graph_is_the_same_again():
    """Each graph of configs/graphs, recorded in real time and in virtual time, in a bounded part."""
    live = ["--param", "source=audiotestsrc is-live=true num-buffers=100 samplesperbuffer=320",
            "--param", "sink=fakesink sync=true"]
    names = sorted(n[:-5] for n in os.listdir("configs/graphs") if n.endswith(".yaml"))
    assert "talk" in names and "words" in names, names

    def once(name, virtual):
        if name == "live" and virtual:
            return  # a sound card knows real time alone, and the run says so
        if name in ("serve", "remote"):
            return  # they wait for people, or for a server: tests/integration/gateway
        if name in ("reason", "learn", "tinker", "tinker_hosts", "assistant"):
            return  # they need models that are fetched: configs/graphs/reason/talk.py, tests/integration/{learn,tinker,assistant}
        recording = path(f"{name}{virtual}.mcap")
        run("run", f"configs/graphs/{name}.yaml", "--out", path(f"{name}{virtual}"), "--record", recording,
            "--no-picture", "--duration", "3", *(live if name == "live" else []),
            *(["--virtual"] if virtual else []))
        said = run("replay", recording, "--check", "--json", "--out", path(f"{name}{virtual}2"))
        compared = json.loads(said[said.index("{"):said.rindex("}") + 1])["compared"]
        for c in compared:
            assert c["recorded"] == c["same"] == c["replayed"] and not c["first_difference"], c
        # In these nobody but a source speaks.
        assert any(c["same"] > 0 for c in compared) or name in ("tone", "words", "listening"), said

    for name in names:
        for virtual in (False, True):
            once(name, virtual)


for check in (two_runs_in_one_folder, a_start_that_fails, a_change_that_is_rolled_back, a_change_of_a_file,
              the_same_file_twice, what_is_read_is_not_written, what_blocks_while_it_opens,
              a_check_that_could_compare_nothing, pieces_of_one_run, names_that_belong_to_a_run,
              what_would_do_nothing_is_refused, numbers_that_are_none, help_shows_all_commands,
              every_path_of_every_command, every_graph_is_the_same_again):
    if wanted and check.__name__ not in wanted:
        continue
    began = time.monotonic()
    check()
    print(f"{time.monotonic() - began:7.1f} s  {check.__name__}", flush=True)
