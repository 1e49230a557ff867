"""A receiver on another host that is slower than its sender."""

import pathlib
import time

from support import host_claims
from support.failure import check, in_time
from support.hosts import Hosts
from support.scenario import scenario

GRAPH = pathlib.Path(__file__).parent / "slow.yaml"
SECONDS = 6


def slow_consumer_over(bench, shared_memory):
    options = {name: {"shared_memory": str(shared_memory).lower()} for name in ("left", "right")}
    hosts = Hosts(bench, graph=GRAPH, names=("left", "right"), host_options=options)
    hosts.start_all()
    hosts.run_for(1)
    begun_s = time.monotonic()
    hosts.run_for(SECONDS)
    over_s = time.monotonic()
    status = hosts.now["left"].status()
    check(status is not None and status["peers"][0]["shared_memory"] == shared_memory,
          f"shared memory is {'' if shared_memory else 'not '}in use")
    host_claims.memory_bounded(bench, hosts)
    hosts.stop()
    host_claims.law(hosts)
    gap_ms = host_claims.longest_gap_ms(hosts.ledger("direct"), begun_s, over_s)
    bench.found("neighbour_gap_ms", gap_ms, 500)
    host_claims.lossless(hosts, "direct", "steady")
    host_claims.lossless(hosts, "slow", "bulky")
    host_claims.in_order(hosts, "lagging")
    rows = {f"{r['from']} > {r['to']}": r for r in hosts.now["left"].summary()["links"]}
    live = rows["live.numbers > lagging.numbers @right"]
    in_time(live["sent"] > 80 * SECONDS, f"a link that keeps the newest never stops its source: {live}",
            80 * SECONDS / max(1, live["sent"]))
    there = {f"{r['from']} > {r['to']}": r for r in hosts.now["right"].summary()["links"]}
    ends = (live, there["live.numbers @left > lagging.numbers"])
    check(sum(row["dropped"].get("replaced", 0) for row in ends) > 0 and
          all(set(row["dropped"]) <= {"replaced"} for row in ends),
          f"and one of its ends drops what is replaced: {ends}")
    bulky = rows["bulky.numbers > slow.numbers @right"]
    check(bulky["blocked_ns"] > 1e9, f"a lossless one stops its source: {bulky}")


@scenario(
    setup="two hosts over sockets: 64 KiB every 10 ms to receivers that take 50 ms for each, on a "
          "lossless link and on one that keeps the newest; beside them a flow of small packets",
    fault="the receivers are five times too slow, for six seconds",
    recovery="none is needed: credit stops the lossless source, the other link drops what is replaced",
    invariant="the neighbour never waits for half a second and loses nothing; the lossless link loses "
              "nothing; memory is bounded in both processes; the law holds")
def slow_consumer(bench):
    slow_consumer_over(bench, shared_memory=False)


@scenario(
    setup="the same over shared memory",
    fault="the receivers are five times too slow, for six seconds",
    recovery="none is needed",
    invariant="the same")
def slow_consumer_shm(bench):
    slow_consumer_over(bench, shared_memory=True)
