"""A component that emits far more than the queues behind it take."""

import pathlib

from support import claims
from support.failure import check, in_time
from support.relay import PACKETS, last_fault, relay
from support.scenario import scenario

GRAPH = pathlib.Path(__file__).parent / "flood.yaml"
PACKET_BYTES = 320 * 4
FLOOD_BYTES = 100 * 2**20
QUEUE = 16


@scenario(
    setup="two seconds of a tone; the relay's receiver has a queue of 16, drop_oldest",
    fault="from 500 ms on the relay emits 4000 packets for each one it is handed",
    recovery="none is needed: the queue keeps the newest, each other one is counted as dropped",
    invariant="the process holds less than 32 MiB more than without the flood, which is over "
              "100 MiB; the neighbour misses nothing and never waits for a second")
def flood_drop(bench):
    calm = relay(bench, {"fault": "none"}, GRAPH, out="calm")
    claims.exits(calm, 0)
    run = relay(bench, {"fault": "flood", "packets": 4000}, GRAPH)
    claims.exits(run, 0)
    claims.life(run, "faulty")
    flooded = run.counters("faulty")["flooded"]
    in_time(flooded * PACKET_BYTES > FLOOD_BYTES, f"the flood is large: {flooded} packets",
            FLOOD_BYTES / max(1, flooded * PACKET_BYTES))
    bench.found("memory_grown_mib", run.peak_rss_mib - calm.peak_rss_mib, 32)
    link = run.links()["faulty.audio > witness.audio"]
    check(link["sent"] == flooded + run.links()["tone.audio > faulty.audio"]["delivered"],
          "every packet of the flood is accounted for")
    check(set(link["reasons"]) == {"queue_full_oldest"}, f"dropped for one reason: {link}")
    check(link["depth_max"] <= QUEUE, f"the queue held {link['depth_max']}, at most {QUEUE}")
    check(link["delivered"] > 0 and run.witness("witness")["bad"] == 0, "what arrives is sound")
    claims.untouched(run, "neighbour", PACKETS)
    last_fault(run)


@scenario(
    setup="two seconds of a tone; the relay's receiver takes 1 ms a packet, queue of 16, block; "
          "the relay's own input drops its oldest",
    fault="from 500 ms on the relay emits 100 packets for each one it is handed",
    recovery="the relay is not called while its receiver's queue is full; it goes on after",
    invariant="lossless where block is declared; the queue grows by one call's output at most; the "
              "overload shows where drop_oldest is declared; the neighbour misses nothing")
def flood_block(bench):
    packets = 100
    run = bench.start(GRAPH, {
        "actors.faulty.fault": "flood", "actors.faulty.at_ms": 500,
        "actors.faulty.packets": packets, "actors.witness.wait_us": 1000,
        "actors.witness.inputs.audio.queue.full": "block"})
    claims.exits(run, 0)
    claims.life(run, "faulty")
    link = run.links()["faulty.audio > witness.audio"]
    check(link["sent"] == link["delivered"] > 1000, f"nothing is lost on a `block` link: {link}")
    check(link["blocked_ms"] > 100, f"the relay waited for room: {link}")
    check(link["depth_max"] <= QUEUE + packets + 1, f"one call's output over the size: {link}")
    into = run.links()["tone.audio > faulty.audio"]
    check(set(into["reasons"]) == {"queue_full_oldest"}, f"the overload is counted: {into}")
    check(into["sent"] == PACKETS, "the source was not held up")
    claims.untouched(run, "neighbour", PACKETS)
    last_fault(run)
