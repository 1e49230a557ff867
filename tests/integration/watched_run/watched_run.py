#!/usr/bin/env python3
"""watched_run.py HOCKET GRAPH: a run seen through metrics, health, service manager, top, doctor, trace."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

LIMIT_S = 120


def until(condition, what, limit_s=LIMIT_S):
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("waited %d s for %s" % (limit_s, what() if callable(what) else what))


def get(url):
    """Status and body; (0, "") where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=LIMIT_S) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()
    except (urllib.error.URLError, OSError):
        return 0, ""


def command(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S)


class Run:
    """A minute of sound in real time, watched in every way."""

    def __init__(self, hocket, graph, folder):
        self.folder = folder
        self.trace = os.path.join(folder, "trace.json")
        os.makedirs(folder)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(os.path.join(folder, "notify"))
        self.manager.settimeout(0.05)
        self.heard = []
        self.log = open(os.path.join(folder, "log"), "w")
        self.process = subprocess.Popen(
            [hocket, "run", graph, "--plain", "--out", folder, "--metrics", "tcp://127.0.0.1:0",
             "--trace", self.trace, "--set",
             "actors.tone.pipeline=audiotestsrc num-buffers=3000 samplesperbuffer=882"],
            stdout=self.log, stderr=self.log,
            env=dict(os.environ, NOTIFY_SOCKET=self.manager.getsockname(),
                     WATCHDOG_USEC="1000000"))
        self.url = until(self.read_url, "metrics.url").strip()

    def read_url(self):
        try:
            with open(os.path.join(self.folder, "metrics.url")) as f:
                text = f.read()
                return text if text.endswith("\n") else ""
        except FileNotFoundError:
            assert self.process.poll() is None, open(self.log.name).read()
            return ""

    def notified(self, what):
        try:
            self.heard.append(self.manager.recv(4096).decode().split("\n")[0])
        except socket.timeout:
            pass
        return what in self.heard

    def metric(self, line_start):
        for line in get(self.url + "/metrics")[1].splitlines():
            if line.startswith(line_start):
                return float(line.rsplit(" ", 1)[1])
        return None


def check_from_outside(hocket, run):
    until(lambda: run.notified("READY=1"), "READY=1")
    until(lambda: run.notified("WATCHDOG=1"), "a sign of life for the watchdog")
    until(lambda: get(run.url + "/readyz") == (200, "ready\n"), "/readyz")
    assert get(run.url + "/healthz") == (200, "ok\n")
    delivered = 'hocket_edge_packets_total{from="tone.audio",to="speaker.audio",fate="delivered"'
    until(lambda: (run.metric(delivered) or 0) > 10, "packets in /metrics")
    assert run.metric("hocket_accounts_hold") == 1
    if shutil.which("promtool"):
        text = get(run.url + "/metrics")[1]
        verdict = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                                 capture_output=True, timeout=LIMIT_S)
        assert verdict.returncode == 0, verdict.stderr
    else:
        print("skipped: promtool is not installed (package prometheus)")

    status = json.loads(get(run.url + "/status")[1])
    assert status["graph"] == "loopback" and status["law_holds"]
    said = {}

    def both_shown():  # each has five seconds to answer
        top = said["top"] = command(hocket, "top", "--once", "--out", run.folder, "--connect", run.url)
        return top.returncode == 0 and top.stdout.count("speaker") >= 4 and run.url + ": loopback" in top.stdout
    until(both_shown, lambda: "a top of both: " + said["top"].stdout + said["top"].stderr)

    def well():  # for as long as a machine is busy it may find a call that lasts
        said["last"] = command(hocket, "doctor", "--json", "--out", run.folder)
        return said["last"].returncode == 0 and json.loads(said["last"].stdout)["bad"] == 0
    until(well, lambda: "a doctor that finds nothing: " + said["last"].stdout)


def trace_of(text, torn=False):
    events = json.loads(text)
    calls = [e for e in events if e["ph"] == "X"]
    begins = {e["id"] for e in events if e["ph"] == "s"}
    ends = {e["id"] for e in events if e["ph"] == "f"}
    assert len(begins ^ ends) <= (1 if torn else 0), begins ^ ends
    assert len(calls) > 20 and len(begins) > 10, len(events)
    return events


def main(hocket, graph, work):
    # Killed: the trace is whole but for its bracket.
    run = Run(hocket, graph, os.path.join(work, "killed"))
    try:
        check_from_outside(hocket, run)
        until(lambda: os.path.getsize(run.trace) > 20000, "a trace")
        run.process.kill()
        run.process.wait()
        text = open(run.trace).read()
        assert not text.rstrip().endswith("]")
        try:
            trace_of(text + "]")
        except ValueError:  # a large write that the kernel was in the middle of: it ends in half a line
            trace_of(text[:text.rfind("\n")].rstrip(",") + "]", torn=True)
        lost = command(hocket, "doctor", "--out", run.folder)
        assert lost.returncode == 1, lost.stdout

        # Stopped in order: the manager hears of it, the trace is closed.
        run = Run(hocket, graph, os.path.join(work, "stopped"))
        until(lambda: run.notified("READY=1"), "READY=1")
        until(lambda: os.path.getsize(run.trace) > 20000, "a trace")
        run.process.send_signal(signal.SIGTERM)
        until(lambda: run.notified("STOPPING=1"), "STOPPING=1")
        assert run.process.wait(LIMIT_S) == 0, open(run.log.name).read()
        assert "open " + run.trace in open(run.log.name).read()
        closed = trace_of(open(run.trace).read())
        assert any(e["ph"] == "X" and e["name"] == "close" for e in closed)
        assert get(run.url + "/healthz")[0] == 0
    finally:
        run.process.kill()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), folder)
