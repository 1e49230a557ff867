#!/usr/bin/env python3
"""any_folder.py HOCKET REPOSITORY: a graph's paths are its file's, wherever it is run from."""
import os
import subprocess
import sys
import tempfile
import time
import wave

hocket, tree = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
work = os.path.realpath(tempfile.mkdtemp(prefix="hocket-any-folder-"))
graphs = os.path.join(tree, "configs", "graphs")


def path(*names):
    return os.path.join(work, *names)


def write(name, text):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with open(path(name), "w", encoding="utf-8") as f:
        f.write(text)
    return path(name)


def sound(name, seconds=1):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with wave.open(path(name), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(16000)
        w.writeframes(b"\x10\x20" * 16000 * seconds)


def run(*arguments, cwd=work, expect=0):
    done = subprocess.run([hocket, *arguments], cwd=cwd, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=240)
    assert done.returncode == expect, (arguments, cwd, done.returncode, done.stdout[-1500:],
                                       done.stderr[-3000:])
    return done.stdout + done.stderr


def shipped_graphs():
    names = sorted(n for n in os.listdir(graphs) if n.endswith(".yaml"))
    assert "talk.yaml" in names, names
    for cwd, folder in ((work, graphs), (tree, "configs/graphs"), (graphs, "."),
                        (os.path.join(tree, "configs"), "graphs")):
        said = run("validate", *(os.path.join(folder, n) for n in names), cwd=cwd)
        assert "graph.path" not in said, (cwd, said)


def recorded_elsewhere():
    talk = os.path.join(graphs, "talk.yaml")
    run("run", talk, "--virtual", "--duration", "2", "--no-picture", "--out", "out", "--record",
        "talk.mcap")
    # A recording may be anybody's: what it reads outside of the current folder is asked for.
    said = run("replay", "talk.mcap", "--check", expect=2)
    assert "--trust" in said, said
    run("replay", "talk.mcap", "--check", "--trust")
    run("replay", path("talk.mcap"), "--check", "--out", path("again"), cwd=tree)
    # Recorded in the repository, played in the repository's own words, and from elsewhere.
    run("run", "configs/graphs/talk.yaml", "--virtual", "--duration", "2", "--no-picture", "--out",
        path("o2"), "--record", path("home.mcap"), cwd=tree)
    said = run("replay", path("home.mcap"), "--check", "--out", path("o3"), cwd=tree)
    assert "replay.other-graph" not in said, said
    run("replay", "home.mcap", "--check", "--trust", "--out", "o4")


PART = """hocket: 1
params: {file: {type: string, default: default.wav}}
outputs: {audio: mic.audio}
actors:
  mic: {component: capture.gst, file: "${param:file}"}
"""


def inputs_of_all_kinds():
    for name in ("g/a.wav", "g/parts/default.wav", "up.wav", "cli.wav", "old/x.wav"):
        sound(name)
    write("g/parts/part.yaml", PART)
    graph = write("g/graph.yaml", """hocket: 1
name: inputs
params: {given: {type: string, default: a.wav}}
actors:
  one: {component: capture.gst, file: a.wav}
  up:  {component: capture.gst, file: ../up.wav}
  gst: {component: capture.gst, pipeline: "filesrc location=a.wav ! wavparse ! audioconvert ! audioresample"}
  par: {component: capture.gst, file: "${param:given}"}
  inc: {include: {file: parts/part.yaml}}
  wit: {include: {file: parts/part.yaml, with: {file: a.wav}}}
  rec: {component: record.mcap, inputs: {audio: [one.audio, up.audio, gst.audio, par.audio, inc.audio, wit.audio]}}
""")
    os.makedirs(path("far"), exist_ok=True)
    os.symlink(path("g"), path("linked"))
    os.symlink(graph, path("far/graph.yaml"))
    for cwd, file in ((work, "g/graph.yaml"), (path("g"), "graph.yaml"), (path("far"), graph),
                      (path("far"), "../g/graph.yaml"), (path("far"), "../linked/graph.yaml")):
        said = run("run", file, "--virtual", "--out", path("out_inputs"), cwd=cwd)
        assert "graph.path" not in said and "300 packets" in said.replace(",", ""), (cwd, file, said)
        run("doctor", file, cwd=cwd)
    # What the command line says is from the current folder.
    run("run", graph, "--virtual", "--out", path("o"), "--param", "given=cli.wav", "--set",
        "actors.one.file=cli.wav")
    said = run("run", graph, "--virtual", "--out", path("o"), "--param", "given=cli.wav",
               cwd=path("far"), expect=2)
    assert "cli.wav" in said, said
    # As graphs of before had it.
    old = write("old/graph.yaml", "hocket: 1\nname: old\nactors:\n"
                "  one: {component: capture.gst, file: old/x.wav}\n")
    said = run("run", old, "--virtual", "--out", path("o"))
    assert "graph.path" in said and "write `x.wav`" in said and "graph.yaml:4:" in said, said
    # Nowhere: named from where it was looked for.
    said = run("run", old, "--virtual", "--out", path("o"), cwd=path("far"), expect=2)
    assert "old/old/x.wav" in said, said


def hosts_and_a_change():
    run("keys", "a", "b", "--dir", "hosts/keys")
    sound("hosts/long.wav", 300)
    text = """hocket: 1
name: two
hosts:
  a: {listen: "ipc://%s/a.ipc", key: keys/a.pub}
  b: {listen: "ipc://%s/b.ipc", key: keys/b.pub}
actors:
  mic: {component: capture.gst, on: a, file: long.wav}
  rec: {component: record.wav, on: b, file: rec.wav, inputs: {person: mic.audio}}
""" % (work, work)
    write("hosts/graph.yaml", text)
    write("hosts/next.yaml", text + "  more: {component: capture.gst, on: b, file: long.wav}\n"
          "  kept: {component: record.wav, on: b, file: more.wav, inputs: {person: more.audio}}\n")
    os.makedirs(path("far"), exist_ok=True)
    runs = [subprocess.Popen([hocket, "run", file, "--host", host, "--out", path("h" + host), "--plain"],
                             cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
            for host, cwd, file in (("a", path("far"), "../hosts/graph.yaml"),
                                    ("b", work, path("hosts/graph.yaml")))]
    try:
        end = time.monotonic() + 120
        while not (os.path.exists(path("hb/rec.wav")) and os.path.getsize(path("hb/rec.wav")) > 44):
            assert time.monotonic() < end and all(r.poll() is None for r in runs), "they run"
            time.sleep(0.05)
        # Asked of one, done on the other, whose file lies where its own graph lies.
        said = run("apply", "../hosts/next.yaml", "--out", path("ha"), cwd=path("far"))
        assert "revision 2" in said, said
        end = time.monotonic() + 120
        while not (os.path.exists(path("hb/more.wav")) and os.path.getsize(path("hb/more.wav")) > 44):
            assert time.monotonic() < end, "the new source plays"
            time.sleep(0.05)
    finally:
        for r in runs:
            r.terminate()
        told = [r.communicate(timeout=120)[0] for r in runs]
    assert [r.returncode for r in runs] == [0, 0], told


shipped_graphs()
inputs_of_all_kinds()
recorded_elsewhere()
hosts_and_a_change()
