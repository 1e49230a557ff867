#!/usr/bin/env python3
"""payloads.py HOCKET REPOSITORY: payloads of a named schema in running graphs."""
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
work = tempfile.mkdtemp(prefix="hocket-payloads-")
os.environ["HOME"] = os.environ["XDG_CONFIG_HOME"] = work  # keys of hosts on loopback
processes = []

ORDER = {"type": "object", "required": ["n"], "additionalProperties": False,
         "properties": {"n": {"type": "integer", "maximum": 6}}}
GRAPH = """hocket: 1
name: orders
HOSTSschemas: {order: {json: order.json}}
actors:
  timer: {ON1PROCESScomponent: text.timer, every_ms: 200, count: COUNT, text: '{"n": {n}}', payloads: {text: order}}
  some: {ON2component: text.batch, size: 1, inputs: {text: timer.text}}
  log: {ON2component: record.events, file: log.jsonl, pii.text: true, inputs: {words: timer.text, console: some.text}}
"""


def path(name):
    return os.path.join(work, name)


def write(name, text):
    with open(path(name), "w") as f:
        f.write(text)
    return path(name)


def graph(name, count=10, hosts=False, process=""):
    places = "hosts:\n  left: {listen: tcp://127.0.0.1:7400}\n  right: {listen: tcp://127.0.0.1:7410}\n"
    return write(name, GRAPH.replace("HOSTS", places if hosts else "").replace("COUNT", str(count))
                 .replace("ON1", "on: left, " if hosts else "").replace("ON2", "on: right, " if hosts else "")
                 .replace("PROCESS", process))


def run(*arguments, expect=0, stdin=""):
    done = subprocess.run([hocket, *arguments], input=stdin, capture_output=True, text=True, timeout=180)
    assert done.returncode == expect, (arguments, done.returncode, done.stdout[-2000:], done.stderr)
    return done


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
    return done.returncode == 0 and '"now_s":0.0,' not in done.stdout


def heard(out):
    with open(path(out) + "/log.jsonl") as f:
        return [json.loads(json.loads(line)["text"])["n"] for line in f if '"kind":"words"' in line]


def recorded_and_replayed():
    """Seven of ten fit; the recording needs no file beside it."""
    write("order.json", json.dumps(ORDER))
    done = run("run", graph("orders.yaml"), "--virtual", "--out", path("out"), "--record", path("r.mcap"),
               "--no-picture")
    assert heard("out") == list(range(7)), heard("out")
    assert "bad_packet" in done.stdout + done.stderr, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert "text: no `order`: /n: more than 6" in said, said
    with open(path("r.mcap"), "rb") as f:  # a schema record, which any tool finds
        assert b"\x05\0\0\0order\x0a\0\0\0jsonschema" in f.read()
    os.rename(path("order.json"), path("away.json"))
    assert "order.json: no such file" in run("validate", path("orders.yaml"), expect=2).stderr
    run("replay", path("r.mcap"), "--check", "--out", path("again"))
    os.rename(path("away.json"), path("order.json"))
    # The same in a process of its own.
    run("run", graph("own.yaml", process="process: own, "), "--virtual", "--out", path("own"), "--no-picture")
    assert heard("own") == list(range(7)), heard("own")


def changed():
    """Another schema is another graph, wherever its file lies."""
    os.makedirs(path("two"))
    same, other = path("two/same.yaml"), path("two/other.yaml")
    with open(path("two/order.json"), "w") as f:
        f.write(json.dumps(ORDER, indent=2))
    shutil.copy(path("orders.yaml"), same)
    assert "nothing changes" in run("apply", same, "--from", path("orders.yaml")).stdout
    shutil.copy(path("orders.yaml"), other)
    with open(path("two/order.json"), "w") as f:
        f.write(json.dumps({**ORDER, "required": []}))
    said = run("apply", other, "--from", path("orders.yaml")).stdout
    assert "replaced  timer" in said and "payloads" in said, said


def live():
    text = """hocket: 1
name: desk
schemas: {order: {json: order.json}}
actors:
  keys: {component: text.console, script: ["3000 bye"], print: false, payloads: {text: order}}
  screen: {component: text.console, script: ["3000 bye"], print: false, inputs: {text: keys.text}}
"""
    main = start("run", write("desk.yaml", text), "--out", path("desk"), "--no-picture", stdout=subprocess.DEVNULL,
                 stderr=subprocess.DEVNULL)
    at = ["--out", path("desk")]
    until(lambda: runs(path("desk")), "the graph runs")
    looker = start("echo", "keys.text", "--count", "1", "--json", *at, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert looker.stderr.readline().endswith(": listening\n")
    assert "no `order`: `n` is missing" in run("send", "keys.text", "{}", *at, expect=2).stderr
    run("send", "keys.text", '{"n": 3}', "--wait", "120", *at)
    out, _ = looker.communicate(timeout=120)
    packet = json.loads(out.splitlines()[0])
    assert packet["schema"] == "order" and packet["payload"] == {"json": {"n": 3}}, packet
    main.send_signal(signal.SIGINT)
    assert main.wait(120) == 0


def several_hosts():
    """Checked where it is made; hosts whose schemas differ do not meet."""
    g = graph("hosts.yaml", hosts=True)
    common = ["--no-picture", "--listen", "tcp://localhost:0", "--virtual"]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

    def pair(left_graph, out):
        address = path(out + ".address")
        right = start("run", g, "--host", "right", "--out", path(out + "/right"), "--address-file", address,
                      *common, **quiet)
        until(lambda: os.path.exists(address), "right listens")
        with open(address) as f:
            where = f.read().strip().replace("127.0.0.1", "localhost")
        left = start("run", left_graph, "--host", "left", "--out", path(out + "/left"), "--peer", "right=" + where,
                     *common, **quiet)
        return left, right

    left, right = pair(g, "met")
    for p in (left, right):
        p.communicate(timeout=180)
        assert p.returncode == 0, p.returncode
    assert heard("met/right") == list(range(7)), heard("met/right")

    shutil.copy(g, path("two/hosts.yaml"))  # beside another order.json
    left, right = pair(path("two/hosts.yaml"), "apart")
    said = "".join(part for p in (left, right) for part in p.communicate(timeout=180))
    assert left.returncode != 0 and right.returncode != 0, said
    assert "the first of 1 place that differs: `schemas.order`" in said, said


try:
    recorded_and_replayed()
    changed()
    live()
    several_hosts()
finally:
    for p in processes:
        if p.poll() is None:
            p.kill()
    shutil.rmtree(work, ignore_errors=True)
