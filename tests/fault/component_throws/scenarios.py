"""A component that throws or returns an error, wherever it is called."""

from support import claims
from support.failure import check
from support.relay import PACKETS, last_fault, relay
from support.scenario import scenario

SETUP = "two seconds of a tone through a relay, in real time"


def one_packet_lost(bench, settings, why, restarts=1):
    """The policy restarts the relay; what it had in hand is lost and nothing else."""
    run = relay(bench, settings)
    claims.exits(run, 0)
    claims.life(run, "faulty", *["failed", "restarting"] * restarts, "recovered")
    check(run.all_of("faulty", "failed", why), f"the log says `{why}`")
    noticed = claims.detected(bench, run)
    claims.restarted(bench, run, noticed)
    claims.told(run, "witness", *["input_lost"] * restarts, "input_recovered", "end_of_stream")
    claims.link(run, "tone.audio > faulty.audio", sent=PACKETS, reasons={"actor_restarting": 1})
    claims.untouched(run, "witness", PACKETS - 1)
    claims.untouched(run, "neighbour", PACKETS)
    last_fault(run)
    return run


@scenario(
    setup=SETUP,
    fault="the relay throws in process(), once",
    recovery="`failed`, a restart after 50 ms, `recovered`; exit code 0",
    invariant="one packet is lost (actor_restarting); what follows hears input_lost and "
              "input_recovered; the neighbour misses nothing")
def throw_once(bench):
    run = one_packet_lost(bench, {"fault": "throw"}, "thrown on purpose [host.exception]")
    check(run.counters("faulty") == {"restarts": 1}, "one restart is counted")


@scenario(
    setup=SETUP,
    fault="the relay throws what is no std::exception",
    recovery="as any exception",
    invariant="one packet is lost; the neighbour misses nothing")
def throw_int(bench):
    one_packet_lost(bench, {"fault": "throw_int"}, "an exception that is no std::exception "
                    "[host.exception]")


@scenario(
    setup=SETUP,
    fault="the relay returns an error from process(), once",
    recovery="as an exception, with the error's own code in the log",
    invariant="one packet is lost; the neighbour misses nothing")
def error_once(bench):
    one_packet_lost(bench, {"fault": "error"}, "failed on purpose [faulty.error]")


@scenario(
    setup=SETUP,
    fault="the relay throws in process(), and its next life in open()",
    recovery="a second restart, after twice the wait, recovers it",
    invariant="one packet is lost; the others wait in the queue meanwhile")
def throw_in_reopen(bench):
    run = one_packet_lost(bench, {"fault": "throw_open", "lives": 2},
                          "open fails [host.exception]", restarts=2)
    waits = [e["text"] for e in run.all_of("faulty", "restarting")]
    check(waits == ["in 50 ms", "in 100 ms"], f"the wait doubles, not {waits}")


@scenario(
    setup=SETUP + "; two restarts allowed, `then: stop_graph`",
    fault="the relay throws in every life",
    recovery="two restarts, `lost`, and the graph stops: exit code 1, the last word names the actor",
    invariant="the law holds; the recording is readable")
def throw_limit(bench):
    run = relay(bench, {"fault": "throw", "lives": 99})
    claims.exits(run, 1)
    claims.life(run, "faulty", *["failed", "restarting", "recovered"] * 2, "failed", "lost")
    claims.detected(bench, run)
    claims.last_word(run, "failed: faulty is lost: thrown on purpose [host.exception] after")
    end = run.events[-1]
    check(end["role"] == "failed" and end["text"].startswith("faulty is lost"),
          "the event log ends with the same words")
    lost = run.links()["tone.audio > faulty.audio"]["reasons"]
    check(lost["actor_restarting"] == 3, f"each life loses the packet in its hand: {lost}")
    check(run.told("witness")[-2:] == ["input_lost", "end_of_stream"], "the witness is told")
    last_fault(run)


@scenario(
    setup=SETUP + "; two restarts allowed, `then: continue`",
    fault="the relay throws in every life",
    recovery="two restarts, `lost`; the rest of the graph goes on: exit code 0",
    invariant="what comes for the lost actor is dropped as actor_lost; the neighbour misses nothing")
def throw_lost(bench):
    run = relay(bench, {"fault": "throw", "lives": 99, "restart.then": "continue"})
    claims.exits(run, 0)
    claims.life(run, "faulty", *["failed", "restarting", "recovered"] * 2, "failed", "lost")
    claims.detected(bench, run)
    link = run.links()["tone.audio > faulty.audio"]
    check(link["sent"] == PACKETS and link["in_flight"] == 0, "all packets are accounted for")
    check(link["reasons"] == {"actor_restarting": 3, "actor_lost": link["dropped"] - 3},
          f"lost: three in hand, the others because the actor is gone: {link['reasons']}")
    check(run.told("witness")[-2:] == ["input_lost", "end_of_stream"], "the witness is told")
    claims.untouched(run, "neighbour", PACKETS)
    last_fault(run)


@scenario(
    setup=SETUP,
    fault="the relay's first open() returns an error",
    recovery="no restart: the start fails at once, exit code 1, with the actor and its reason",
    invariant="what was opened is closed again; the event log says how it ended")
def fail_at_start(bench):
    run = relay(bench, {"fault": "fail_start"})
    claims.exits(run, 1)
    check("faulty" in run.log() and "no device on purpose" in run.log(),
          "the message names the actor and the reason")
    check(not run.roles("tone", "opened"), "the source was never let go")
    claims.log_complete(run)
