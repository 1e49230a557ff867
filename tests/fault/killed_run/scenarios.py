"""A process that is killed or told to stop from outside."""

import json
import pathlib
import signal
import subprocess
import time

from support import claims
from support.failure import check, in_time
from support.scenario import scenario

GRAPH = pathlib.Path(__file__).parents[3] / "configs/graphs/loopback.yaml"
WAV = "loopback.wav"
# A minute in real time: no scenario comes to its end.
MINUTE = {"actors.tone.pipeline": "audiotestsrc num-buffers=3000 samplesperbuffer=882"}
SETUP = "configs/graphs/loopback.yaml in real time, ten micro-turns into it"


def under_way(bench, turns=10):
    run = bench.start(GRAPH, MINUTE)
    run.wait_for_turns(turns)
    return run


def stopped_in_order(bench, number):
    run = under_way(bench)
    sent_s = signalled(run, number)
    claims.exits(run, 0)
    bench.found("detection_ms", (run.ended_s - sent_s) * 1000, claims.DETECTION_LIMIT_MS)
    claims.last_word(run, "stopped after")
    claims.balanced(run)
    claims.log_complete(run)
    heard(run)
    check((run.out / "conversation.png").stat().st_size > 0, "the picture is drawn")
    check(not (run.out / "hocket.sock").exists(), "the status socket is gone")


def heard(run):
    frames = run.wav(WAV)
    check(frames > 0, "something is recorded")
    in_time(frames > 8000, f"the recording holds what was heard: {frames} frames", 8000 / frames)


def signalled(run, number):
    sent_s = time.monotonic()
    run.signal(number)
    return sent_s


@scenario(
    setup=SETUP,
    fault="kill -9",
    recovery="none inside; the same command in the same folder works, past the dead run's socket, "
             "and `hocket top` sees the new run",
    invariant="event log and recording are readable up to the kill, the picture can be drawn")
def kill_9(bench):
    run = under_way(bench)
    sent_s = signalled(run, signal.SIGKILL)
    claims.exits(run, -signal.SIGKILL)
    bench.found("detection_ms", (run.ended_s - sent_s) * 1000, claims.DETECTION_LIMIT_MS)
    claims.readable_after_death(bench, run, WAV)
    heard(run)
    again = under_way(bench, turns=1)
    claims.started_anew(bench, again, "tone")
    top = subprocess.run([bench.tools.hocket, "top", "--once", "--json", "--out", again.out],
                         capture_output=True, text=True, check=False)
    check(top.returncode == 0, f"`hocket top` sees the new run: {top.stderr}")
    status = json.loads(top.stdout)
    check(status["law_holds"] and status["graph"] == "loopback", "and its law holds")


@scenario(
    setup=SETUP,
    fault="SIGINT, as from Ctrl-C",
    recovery="an orderly stop: sources end, queues drain, pictures are drawn; exit code 0",
    invariant="the law holds; log and recording are whole; the socket is removed")
def interrupt(bench):
    stopped_in_order(bench, signal.SIGINT)


@scenario(
    setup=SETUP,
    fault="SIGTERM, as from systemd or Kubernetes",
    recovery="the same orderly stop; exit code 0",
    invariant="the law holds; log and recording are whole; the socket is removed")
def terminate(bench):
    stopped_in_order(bench, signal.SIGTERM)
