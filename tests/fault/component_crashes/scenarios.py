"""A component that takes the whole process with it. Nothing inside can recover that; what counts is
what is left, and that the same command can be given again."""

import signal

from support import claims
from support.failure import check, in_time
from support.relay import last_fault, relay
from support.scenario import scenario

SETUP = "two seconds of a tone through a relay, in real time"


def dies_readably(bench, fault, number):
    run = relay(bench, {"fault": fault, "at_ms": 1500})
    claims.exits(run, -number)
    cause = next((e for e in run.all_of("faulty", "log")), None)
    check(cause is not None, "the event log reaches up to the fault")
    bench.found("detection_ms", (run.ended_s - cause["seen_s"]) * 1000, claims.DETECTION_LIMIT_MS)
    claims.readable_after_death(bench, run, "faults.wav")
    frames = run.wav("faults.wav")
    in_time(frames >= 16000, f"the first second is in the recording: {frames} frames", 16000 / frames)
    again = relay(bench, {"fault": "none"})
    claims.exits(again, 0)
    claims.started_anew(bench, again, "tone")
    last_fault(again)


@scenario(
    setup=SETUP,
    fault="the relay calls abort()",
    recovery="none inside: the process dies of SIGABRT; the same command in the same folder works",
    invariant="event log and recording are readable up to the fault, the picture can be drawn")
def crash_abort(bench):
    dies_readably(bench, "abort", signal.SIGABRT)


@scenario(
    setup=SETUP,
    fault="the relay writes through a null pointer",
    recovery="none inside: the process dies of SIGSEGV; the same command in the same folder works",
    invariant="event log and recording are readable up to the fault, the picture can be drawn")
def crash_segfault(bench):
    dies_readably(bench, "segfault", signal.SIGSEGV)
