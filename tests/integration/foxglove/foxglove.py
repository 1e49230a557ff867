#!/usr/bin/env python3
"""foxglove.py HOCKET REPOSITORY NPM: a running graph in the eyes of the public viewer's client library.
What package.json names is installed into NPM, once. Exit status 77: it cannot be."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

hocket, tree, npm = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(tree, "tests", "support"))
from receiver import LIMIT_S, wait_for  # noqa: E402: the path comes first

GRAPH = """hocket: 1
name: watched
schemas: {order: {json: order.json}}
actors:
  mic:    {component: capture.gst, pipeline: "audiotestsrc is-live=true samplesperbuffer=320"}
  ears:   {component: audio.dmel, inputs: {audio: mic.audio}}
  keys:   {component: text.console, print: false}
  model:  {component: interaction.model, model: MODEL, device: cpu, inputs: {audio: ears.frames, text: keys.text}}
  orders: {component: text.timer, every_ms: 200, text: '{"item": "tea"}', payloads: {text: order}}
  log:    {component: record.events, file: log.jsonl, inputs: {state: model.state, console: orders.text}}
"""
ORDER = {"type": "object", "required": ["item"], "properties": {"item": {"type": "string"}}}


def skip(why):
    print("skipped: " + why)
    sys.exit(77)


def modules():
    for program in ("node", "npm"):
        if not shutil.which(program):
            skip(f"{program} is not installed")
    wanted, installed = os.path.join(here, "package.json"), os.path.join(npm, "installed.json")
    os.makedirs(npm, exist_ok=True)
    with open(wanted, encoding="utf-8") as f:
        text = f.read()
    if not os.path.exists(installed) or open(installed, encoding="utf-8").read() != text:
        shutil.copy(wanted, npm)
        try:
            done = subprocess.run(["npm", "install", "--prefix", npm, "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts",
                                   "--fetch-retries", "1", "--fetch-timeout", "30000"], capture_output=True, text=True, timeout=300)
        except subprocess.TimeoutExpired:
            skip("npm takes too long")
        if done.returncode != 0:
            print(done.stderr[-500:])
            skip("npm cannot install what package.json names")
        shutil.copy(wanted, installed)
    return os.path.join(npm, "node_modules")


def main(work):
    libraries = modules()
    graph, out, recording = (os.path.join(work, name) for name in ("watched.yaml", "out", "run.mcap"))
    with open(graph, "w", encoding="utf-8") as f:
        f.write(GRAPH.replace("MODEL", os.path.join(tree, "configs/models/nano")))
    with open(os.path.join(work, "order.json"), "w", encoding="utf-8") as f:
        json.dump(ORDER, f)
    with open(os.path.join(work, "said.txt"), "w+", encoding="utf-8") as said:
        run = subprocess.Popen([hocket, "run", graph, "--out", out, "--no-picture", "--plain", "--record", recording, "--foxglove",
                                "tcp://127.0.0.1:0"], cwd=tree, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT, text=True)

        def url():
            assert run.poll() is None, open(said.name, encoding="utf-8").read()
            try:
                with open(os.path.join(out, "foxglove.url"), encoding="utf-8") as f:
                    return f.read().strip()
            except FileNotFoundError:
                return ""
        viewer = None
        try:
            where = wait_for(url, "the run says where it listens")
            assert where.startswith("ws://127.0.0.1:"), where
            seen = os.path.join(work, "seen.json")
            with open(seen, "w", encoding="utf-8") as f:
                viewer = subprocess.Popen(["node", os.path.join(here, "viewer.js"), libraries, where], stdout=f)
            # Somebody types until the viewer has seen all that it waits for.
            end = time.monotonic() + LIMIT_S
            while viewer.poll() is None and time.monotonic() < end:
                run.stdin.write("word\n")
                run.stdin.flush()
                time.sleep(0.1)
            assert viewer.poll() == 0, viewer.poll()
            run.send_signal(signal.SIGINT)
            assert run.wait(LIMIT_S) == 0, open(said.name, encoding="utf-8").read()
            text = open(said.name, encoding="utf-8").read()
            assert "foxglove: " + where in text and "1 viewers were sent" in text, text
            assert not os.path.exists(os.path.join(out, "foxglove.url"))
        finally:
            for p in (viewer, run):
                if p is not None and p.poll() is None:
                    p.kill()
                    p.wait()
    subprocess.run(["node", os.path.join(here, "recorded.js"), libraries, recording, seen], check=True)
    # What it does not do is said, with the way out.
    keys = os.path.join(work, "keys")
    with open(keys, "w", encoding="utf-8") as f:
        f.write("# none\n")
    for arguments, why in ((["tcp://0.0.0.0:0"], "ssh -L"), (["tcp://127.0.0.1:0", "--foxglove-keys", keys], "no key")):
        done = subprocess.run([hocket, "run", graph, "--out", out, "--foxglove", *arguments], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        assert done.returncode == 2 and why in done.stderr, done


folder = tempfile.mkdtemp(prefix="hocket-foxglove-")
try:
    main(folder)
finally:
    shutil.rmtree(folder, ignore_errors=True)
