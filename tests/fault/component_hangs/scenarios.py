"""A component whose call never returns."""

from support import claims
from support.failure import check
from support.relay import PACKETS, last_fault, relay
from support.scenario import scenario

SETUP = "two seconds of a tone through a relay, in real time; watchdog_ms: 300"


@scenario(
    setup=SETUP,
    fault="process() never returns, once",
    recovery="`hung` after 300 ms; the thread is written off, a new life goes on; exit code 0 in time",
    invariant="one packet is lost (actor_restarting); what waited meanwhile is processed; the "
              "neighbour misses nothing")
def hang_once(bench):
    run = relay(bench, {"fault": "hang"})
    claims.exits(run, 0)
    claims.life(run, "faulty", "hung", "restarting", "recovered")
    noticed = claims.detected(bench, run)
    claims.restarted(bench, run, noticed)
    claims.told(run, "witness", "input_lost", "input_recovered", "end_of_stream")
    claims.link(run, "tone.audio > faulty.audio", sent=PACKETS, reasons={"actor_restarting": 1})
    claims.untouched(run, "witness", PACKETS - 1, gap_ms=2000)
    claims.untouched(run, "neighbour", PACKETS)
    last_fault(run)


@scenario(
    setup=SETUP,
    fault="open() never returns, before the first packet",
    recovery="`hung` after six times watchdog_ms, since opening may load weights; a new life opens",
    invariant="the sources wait for it: no packet is lost anywhere")
def hang_open(bench):
    run = relay(bench, {"fault": "hang_open", "watchdog_ms": 150})
    claims.exits(run, 0)
    claims.life(run, "faulty", "hung", "restarting", "recovered")
    noticed = claims.detected(bench, run)
    claims.restarted(bench, run, noticed)
    for name, link in run.links().items():
        check(link["sent"] == link["delivered"] == PACKETS, f"{name}: {PACKETS} packets, no drop")
    last_fault(run)


@scenario(
    setup=SETUP + "; two restarts allowed, `then: stop_graph`",
    fault="process() never returns, in every life",
    recovery="three hangs, `lost`, the graph stops with exit code 1 though three threads still hang",
    invariant="the law holds; the neighbour never waited")
def hang_limit(bench):
    run = relay(bench, {"fault": "hang", "lives": 99})
    claims.exits(run, 1)
    claims.life(run, "faulty", *["hung", "restarting", "recovered"] * 2, "hung", "lost")
    claims.detected(bench, run)
    claims.last_word(run, "failed: faulty is lost: a call took more than 300 ms [host.hang] after")
    reasons = run.links()["tone.audio > faulty.audio"]["reasons"]
    check(reasons["actor_restarting"] == 3, f"each life loses the packet in its hand: {reasons}")
    neighbour = run.links()["tone.audio > neighbour.audio"]
    check(neighbour["dropped"] == 0, "nothing of the neighbour's is dropped")
    claims.untouched(run, "neighbour", neighbour["sent"])
    last_fault(run)


@scenario(
    setup=SETUP,
    fault="close() never returns, after all packets",
    recovery="`hung`, the thread is written off, the others close; exit code 0 in time",
    invariant="no packet is lost; those behind the hung actor get their end of stream")
def hang_close(bench):
    run = relay(bench, {"fault": "hang_close"})
    claims.exits(run, 0)
    claims.life(run, "faulty", "hung")
    claims.detected(bench, run)
    claims.told(run, "witness", "end_of_stream")
    for name, link in run.links().items():
        check(link["sent"] == link["delivered"] == PACKETS, f"{name}: {PACKETS} packets, no drop")
    last_fault(run)
