#!/usr/bin/env python3
"""several_hosts.py HOCKET GRAPH: two hosts of one graph seen through metrics, status, top and doctor,
also while one of them is dead (kill -9) and started again."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from watched_run import LIMIT_S, command, get, until

HERE = os.path.dirname(os.path.abspath(__file__))
PLACE = os.path.join(HERE, "..", "several_processes", "place.py")


class Host:
    """One process of the graph; it may be killed and started again."""

    def __init__(self, hocket, graph, folder, name):
        self.hocket, self.graph, self.name = hocket, graph, name
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder)
        self.log = open(os.path.join(self.folder, "log"), "w")
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.hocket, "run", self.graph, "--host", self.name, "--plain", "--out", self.folder,
             "--metrics", "tcp://127.0.0.1:0"], stdout=self.log, stderr=self.log)
        self.url = until(self.read_url, "metrics.url of " + self.name).strip()

    def read_url(self):
        assert self.process.poll() is None, open(self.log.name).read()
        try:
            with open(os.path.join(self.folder, "metrics.url")) as f:
                text = f.read()
                return text if text.endswith("\n") else ""
        except FileNotFoundError:
            return ""

    def kill(self):
        self.process.kill()
        self.process.wait()
        os.remove(os.path.join(self.folder, "metrics.url"))

    def metric(self, line):
        """The value behind a name with all its labels; None where there is none."""
        found = re.search("^" + re.escape(line) + " (.*)$", get(self.url + "/metrics")[1], re.M)
        return float(found.group(1)) if found else None


def check_metrics(desk, edge):
    link = 'link="tone.audio > speaker.audio"'
    until(lambda: (edge.metric('hocket_peer_sent_packets_total{peer="desk",%s,direction="in"}' % link)
                   or 0) > 50, "packets from desk in the metrics of edge")
    until(lambda: edge.metric('hocket_peer_clock_uncertainty_seconds{peer="desk"}') is not None,
          "an estimate of the clock")
    page = get(edge.url + "/metrics")[1]
    assert re.search(r'^hocket_run_info{.*host="edge".*} 1$', page, re.M), page
    until(lambda: edge.metric('hocket_peer_state{peer="desk",state="up"}') == 1, "desk to be up")

    # One machine, one clock: what is measured says so, as soon as a heartbeat passes quickly.
    def measured():
        offset_s, bound_s, trip_s = (edge.metric('hocket_peer_%s_seconds{peer="desk"}' % what) for what in
                                     ("clock_offset", "clock_uncertainty", "round_trip"))
        if None in (offset_s, bound_s, trip_s):  # a busy machine is late to answer, or lost its peer
            return False
        return abs(offset_s) <= bound_s and 0 < bound_s <= 0.05 and 0 < trip_s < 0.1
    until(measured, "a good estimate of the clock")
    # A packet that desk has sent is at edge or on its way there, never more.
    came = edge.metric('hocket_peer_bytes_total{peer="desk",direction="in"}')
    went = desk.metric('hocket_peer_bytes_total{peer="edge",direction="out"}')
    assert 0 < came <= went, (came, went)
    if shutil.which("promtool"):
        verdict = subprocess.run(["promtool", "check", "metrics"], input=page, text=True,
                                 capture_output=True, timeout=LIMIT_S)
        assert verdict.returncode == 0, verdict.stderr
    else:
        print("skipped: promtool is not installed (package prometheus)")


def check_views(hocket, desk, edge):
    for host in (desk, edge):
        assert json.loads(get(host.url + "/status")[1])["host"] == host.name
    said = {}

    def both_up():  # each has five seconds to answer
        top = said["top"] = command(hocket, "top", "--once", "--out", edge.folder, "--connect", desk.url)
        named = ("desk: loopback", "edge: loopback", "desk  tone", "edge  speaker", "desk  edge")
        return (top.returncode == 0 and all(words in top.stdout for words in named) and
                len(re.findall(r"^(desk  edge|edge  desk) +up +\d", top.stdout, re.M)) == 2)
    until(both_up, lambda: "the peers of each as up, with their clocks: " + said["top"].stdout + said["top"].stderr)


class Top:
    """`hocket top` that looks on and on; each look gives a line of JSON per host."""

    def __init__(self, hocket, *where):
        self.process = subprocess.Popen([hocket, "top", "--json", "--every", "0.2", *where],
                                        stdout=subprocess.PIPE, text=True)

    def wait_for(self, host, condition, what):
        for _ in range(LIMIT_S * 10):
            line = json.loads(self.process.stdout.readline())
            if line.get("host") == host and condition(line):
                return line
        raise AssertionError("top never showed %s: %s" % (host, what))

    def end(self):
        self.process.kill()
        self.process.wait()


def check_death(hocket, desk, edge, top):
    top.wait_for("edge", lambda l: l["actors"], "edge alive")
    edge.kill()
    dead = top.wait_for("edge", lambda l: l.get("silent_s", 0) > 0.5, "edge as dead")
    assert dead["state"] == "dead" and "actors" not in dead, dead
    later = top.wait_for("edge", lambda l: True, "edge")
    assert later["silent_s"] > dead["silent_s"], (dead, later)
    until(lambda: desk.metric('hocket_peer_state{peer="edge",state="lost"}') == 1,
          "edge lost in the metrics of desk")
    for_s = desk.metric('hocket_peer_state_seconds{peer="edge"}')
    until(lambda: desk.metric('hocket_peer_state_seconds{peer="edge"}') > for_s, "time to pass")
    # Also a top that never saw it alive is told, by desk.
    seen = command(hocket, "top", "--once", "--out", desk.folder)
    assert re.search(r"^edge: lost for \d+\.\d s, says desk: ", seen.stdout, re.M), seen.stdout
    # The queue to the dead host fills within seconds; then it is named as what blocks the source.
    bad = r"^BAD +desk: host edge +its link is lost for \d.*; it blocks tone$"

    def judged():
        doctor = command(hocket, "doctor", "--out", desk.folder, "--out", edge.folder)
        assert doctor.returncode == 1, doctor.stdout
        assert " is too slow (" not in doctor.stdout, doctor.stdout
        return re.search(bad, doctor.stdout, re.M)

    until(judged, "doctor on desk: " + bad)
    edge.start()
    top.wait_for("edge", lambda l: l.get("actors"), "edge alive again")
    until(lambda: desk.metric('hocket_peer_state{peer="edge",state="up"}') == 1, "edge up again")
    assert desk.metric('hocket_peer_connects_total{peer="edge"}') >= 2


def main(hocket, graph, work):
    text = open(graph).read()
    long = os.path.join(work, "long.yaml")
    with open(long, "w") as f:
        f.write(re.sub(r"num-buffers=\d+", "num-buffers=20000", text))
    placed = os.path.join(work, "hosts.yaml")
    with open(placed, "w") as f:
        f.write(subprocess.run(
            [sys.executable, PLACE, long,
             "desk=ipc://%s/desk.ipc edge=ipc://%s/edge.ipc" % (work, work),
             "tone=desk speaker=edge record=edge log=edge"],
            check=True, capture_output=True, text=True).stdout)
    hosts, top = [], None
    try:
        desk = Host(hocket, placed, work, "desk")
        hosts.append(desk)
        edge = Host(hocket, placed, work, "edge")
        hosts.append(edge)
        check_metrics(desk, edge)
        check_views(hocket, desk, edge)
        top = Top(hocket, "--out", desk.folder, "--out", edge.folder)
        check_death(hocket, desk, edge, top)
        # In good order it takes its socket away: then it is not dead.
        desk.process.send_signal(signal.SIGTERM)
        assert desk.process.wait(LIMIT_S) == 0, open(desk.log.name).read()
        assert edge.process.wait(LIMIT_S) == 0, open(edge.log.name).read()
    finally:
        for host in hosts:
            host.process.kill()
        if top:
            top.end()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), folder)
