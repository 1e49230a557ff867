"""A component that emits what its ports do not declare."""

from support import claims
from support.failure import check
from support.relay import PACKETS, last_fault, relay
from support.scenario import scenario


@scenario(
    setup="two seconds of a tone through a relay with a port for sound and one for tensors",
    fault="beside each good packet it emits 15 wrong sounds (no payload, another kind, no samples, "
          "NaN, infinity, wrong rates, channels and byte counts, times that are none, go back, or "
          "lie a day ahead) and 10 wrong tensors",
    recovery="none is needed: each is dropped as bad_packet, the first is told in the event log",
    invariant="nothing wrong is handed to anybody, every good packet is, and all are counted")
def garbage(bench):
    run = relay(bench, {"fault": "garbage"})
    claims.exits(run, 0)
    claims.life(run, "faulty")
    claims.detected(bench, run, roles="bad_packet")
    count = run.counters("faulty")
    sounds, states = count["garbage_sound"], count["garbage_state"]
    turns = PACKETS - 500 // 20
    check(sounds >= 15 * turns and states >= 10 * turns, f"it emitted its garbage: {count}")
    check(count["bad_packets"] == sounds + states, f"all of it is counted: {count}")
    for name, bad in (("faulty.audio > witness.audio", sounds),
                      ("faulty.state > witness.state", states),
                      ("faulty.audio > record.model", sounds)):
        claims.link(run, name, sent=PACKETS + bad, delivered=PACKETS, reasons={"bad_packet": bad})
    claims.untouched(run, "witness", PACKETS)
    check(run.witness("witness")["state"] == PACKETS, "every good tensor arrives")
    claims.untouched(run, "neighbour", PACKETS)
    check(run.events[-1]["t_ms"] < 60_000, "no time of the garbage got into the event log")
    last_fault(run)
