"""Clocks that jump, and clocks of different machines."""

import time

from support import host_claims
from support.clocks import WallClock, monotonic_ahead
from support.failure import check, in_time
from support.hosts import NAMES, Hosts
from support.network import Network
from support.scenario import scenario

# A link on which a wrong time would show: what seems older than this is dropped.
YOUNG = {"actors.newest.inputs.numbers.queue.max_age_ms": 400}
HOUR_S, DAY_S = 3600, 86400


def nothing_too_old(hosts):
    for process in hosts.all:
        for row in process.summary()["links"]:
            in_time("too_old" not in row["dropped"], f"{process.name}: nothing seems too old: {row}")


@scenario(
    setup="three hosts as processes of one machine, each with a time of day of its own "
          "(LD_PRELOAD, this machine's clock is left alone); one link drops what is older than 400 ms",
    fault="the time of day of left jumps an hour ahead, that of mid a day back, both at once; two "
          "seconds later both jump to the right time again",
    recovery="none is needed: nothing but file names and log lines reads the time of day",
    invariant="no host is called lost, no flow waits for half a second, nothing seems too old, "
              "lossless links lose nothing, the law holds")
def wall_clock_jump(bench):
    clocks = {name: WallClock(bench.tools, bench.folder / f"{name}.clock") for name in NAMES}
    hosts = Hosts(bench, settings=YOUNG)
    hosts.environment = {name: clock.environment for name, clock in clocks.items()}
    hosts.start_all()
    hosts.run_for(1)
    for name, process in hosts.now.items():
        with open(f"/proc/{process.pid()}/maps", encoding="utf-8") as maps:
            check("wall_clock.so" in maps.read(), f"{name} runs with a clock of its own")
    marks, jumped_s = hosts.marks(), time.monotonic()
    clocks["left"].set(HOUR_S)
    clocks["mid"].set(-DAY_S)
    check(abs(clocks["left"].seen_by_a_process() - HOUR_S) < 60, "a process sees the jump")
    hosts.run_for(2)
    back_s = time.monotonic()
    clocks["left"].set(0)
    clocks["mid"].set(0)
    hosts.run_for(2)
    over_s = time.monotonic()
    host_claims.nobody_lost(hosts, marks)
    hosts.stop()
    host_claims.law(hosts)
    host_claims.all_ledgers(hosts)
    nothing_too_old(hosts)
    for ledger in hosts.ledgers():  # a machine that is late loses some of the young ones, not all
        check(any(jumped_s + 1 < at < back_s for _, _, at in hosts.ledger(ledger)),
              f"{ledger} goes on while the clocks are wrong")
    gap_ms = max(host_claims.longest_gap_ms(hosts.ledger(a), jumped_s, over_s)
                 for a in hosts.ledgers())
    bench.found("longest_gap_ms", gap_ms, 500)


@scenario(
    setup="three hosts over a network, in time namespaces: the monotonic clock of mid is an hour "
          "ahead, that of right a day, as after different times of boot; one link drops what is "
          "older than 400 ms",
    fault="the clocks are apart from the start; then the link between left and right is cut and healed",
    recovery="offsets are measured on the heartbeats, and ages and traces mapped",
    invariant="each host knows each other's offset within the uncertainty that it states; nothing "
              "seems too old; lossless links lose nothing, the law holds")
def clocks_apart(bench):
    ahead_s = {"left": 0, "mid": HOUR_S, "right": DAY_S}
    net = bench.stack.enter_context(Network(NAMES))
    hosts = Hosts(bench, network=net, settings=YOUNG)
    hosts.clock_ahead_s = ahead_s
    for name in ("mid", "right"):
        hosts.enter[name] = bench.stack.enter_context(monotonic_ahead(ahead_s[name]))
    hosts.start_all()
    hosts.run_for(1)
    marks, cut_s = hosts.marks(), time.monotonic()
    net.cut(net.between("left", "right"))
    host_claims.noticed(bench, hosts, [("left", "right"), ("right", "left")], marks, cut_s)
    healed_s = time.monotonic()
    net.heal(net.all())
    host_claims.flows_again(bench, hosts, healed_s)
    hosts.run_for(1)
    worst_us = 0.0
    for name, process in hosts.now.items():
        for peer in process.status()["peers"]:
            off_us = abs(peer["clock_offset_us"] - (ahead_s[peer["name"]] - ahead_s[name]) * 1e6)
            check(off_us <= peer["clock_uncertainty_us"] + 1,
                  f"{name} knows the clock of {peer['name']} to {peer['clock_uncertainty_us']:.0f} "
                  f"us, but is {off_us:.0f} us off")
            worst_us = max(worst_us, off_us)
    bench.found("clock_error_us", worst_us)
    hosts.stop()
    host_claims.law(hosts)
    host_claims.all_ledgers(hosts)
