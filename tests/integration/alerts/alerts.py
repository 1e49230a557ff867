#!/usr/bin/env python3
"""alerts.py HOCKET REPOSITORY WORK: an alert of a running graph, raised and cleared, in each place where it is told."""
import hashlib
import hmac
import base64
import json
import os
import shutil
import subprocess
import sys
import urllib.request

hocket, tree, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
sys.path.insert(0, os.path.join(tree, "tests", "support"))
from receiver import LIMIT_S, Receiver, wait_for  # noqa: E402: the path comes first

GRAPH = """hocket: 1
name: watched
actors:
  keys:   {component: text.console, print: false}
  log:    {component: record.events, file: log.jsonl, inputs: {words: keys.text}}
  mute:   {component: alert.silent, port: keys.text, for_s: 1, clear_s: 1}
  lossy:  {component: alert.dropped, above: 1000}
  tell:   {component: webhook.sink, url: "http://127.0.0.1:PORT/hook", inside: ["127.0.0.1:PORT"],
           secret_env: HOOK_SECRET, inputs: {text: [mute.alerts, lossy.alerts]}}
"""


def is_signed(post):
    text = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
    signature = "v1," + base64.b64encode(hmac.new(b"secret", text, hashlib.sha256).digest()).decode()
    return signature == post.headers["webhook-signature"]


def main():
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    server = Receiver()
    graph, out = os.path.join(work, "watched.yaml"), os.path.join(work, "out")
    with open(graph, "w", encoding="utf-8") as f:
        f.write(GRAPH.replace("PORT", str(server.server_port)))
    environment = {**os.environ, "HOOK_SECRET": "secret"}
    shown = open(os.path.join(work, "shown.txt"), "w+", encoding="utf-8")
    # Without words, so that it is seen that alerts are none.
    run = subprocess.Popen([hocket, "run", graph, "--out", out, "--no-picture", "--no-pii", "--metrics",
                            "tcp://127.0.0.1:0"], cwd=tree, stdin=subprocess.PIPE, stdout=shown,
                           stderr=subprocess.STDOUT, text=True, env=environment)

    def messages():
        return [json.loads(post.body) for post in server.got]

    def told(state):
        return [m for m in messages() if json.loads(m["data"]["value"])["state"] == state]

    def metric(line):
        with open(os.path.join(out, "metrics.url"), encoding="utf-8") as f:
            url = f.read().strip()
        with urllib.request.urlopen(url + "/metrics", timeout=LIMIT_S) as r:
            return line in r.read().decode().splitlines()

    def logged(words):
        with open(os.path.join(out, "events.jsonl"), encoding="utf-8") as f:
            return [line for line in f if words in line]

    def top():
        return subprocess.run([hocket, "top", "--once", "--out", out], capture_output=True, text=True).stdout

    try:
        wait_for(lambda: told("raised"), "the webhook is told that it was raised")
        wait_for(lambda: metric('hocket_alert_active{alert="mute"} 1'), "the metric says so")
        assert metric('hocket_alert_active{alert="lossy"} 0')
        wait_for(lambda: logged("alert raised: keys.text has carried nothing for"), "the event log says so")
        wait_for(lambda: "alert mute is raised" in top(), "hocket top says so")
        # Words come again, until it is cleared.
        def speak():
            run.stdin.write("word\n")
            run.stdin.flush()
            return told("cleared")
        wait_for(speak, "it is cleared")
        wait_for(lambda: speak() and metric('hocket_alert_active{alert="mute"} 0'), "the metric says that it is over")
        wait_for(lambda: logged("alert cleared: keys.text carries packets"), "the event log says that it is over")
        run.stdin.close()
        assert run.wait(LIMIT_S) == 0, open(shown.name, encoding="utf-8").read()
        # In turn, once each, signed, and nobody's words are among them.
        states = [json.loads(m["data"]["value"])["state"] for m in messages()]
        assert states == ["raised", "cleared"] * (len(states) // 2) + ["raised"] * (len(states) % 2), states
        assert all(is_signed(post) for post in server.got)
        assert all(m["from"] == "mute.alerts" for m in messages()), messages()
        assert "alert raised" in open(shown.name, encoding="utf-8").read(), "the view shows it"
    finally:
        if run.poll() is None:
            run.kill()
            run.wait()
        shown.close()
        server.stop()
    bad()


def bad():
    """A rule that names nothing is refused, with its place."""
    path = os.path.join(work, "bad.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(GRAPH.replace("PORT", "1").replace("port: keys.text", "port: keys.txt"))
    done = subprocess.run([hocket, "validate", path], capture_output=True, text=True)
    assert done.returncode == 2, done
    said = done.stdout + done.stderr
    assert "bad.yaml:6:43: error: mute (alert.silent): no linked port is called `keys.txt`" in said, said
    assert "did you mean `keys.text`" in said, said


main()
