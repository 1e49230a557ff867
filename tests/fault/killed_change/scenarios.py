"""A host that is killed (-9) while the graph of all of them is being changed."""

import signal
import time

from support import host_claims
from support.failure import check, in_time
from support.hosts import NAMES, Hosts
from support.scenario import scenario

SETUP = ("three hosts as processes of one machine, numbers on links of all classes; eight times, a "
         "lossless link from left to mid is put in or taken out with both its ends")
# From asking for the change to the kill. It is decided within some 10 ms, and done at the end of a
# micro-turn, 300 to 500 ms later.
DELAYS_MS = (0, 2, 5, 10, 50, 250, 400, 700)
# What leaves has `drain_limit_s` (5 s) for its last packets to a host that is gone.
REPORT_LIMIT_MS = 10000
# A vote is kept in a file first, and given then; that it was given nobody tells.
GIVEN_S = 0.5
SIDE = ("  side:   {component: faulty.pulse, on: left}\n"
        "  aside:  {component: faulty.ledger, on: mid, "
        "inputs: {numbers: {from: side.numbers, queue: {size: 32, full: block}}}}\n")


def killed(bench, victim, asked):
    """`asked`: whom the change is asked of, which lives."""
    hosts = Hosts(bench).start_all()
    plain = hosts.graph.read_text(encoding="utf-8")
    files = [bench.folder / "plain.yaml", bench.folder / "more.yaml"]
    for file, text in zip(files, (plain, plain + SIDE)):
        file.write_text(text, encoding="utf-8")
    has, committed, report_ms, flows_ms = 0, 0, 0, 0
    for delay_ms in DELAYS_MS:
        hosts.run_for(0.5)
        before = hosts.now[asked].revision()
        ticket = hosts.now[asked].ask_for(files[1 - has])
        hosts.run_for(delay_ms / 1000)
        killed_s = time.monotonic()
        hosts.now.pop(victim).kill()
        said = []
        hosts.wait_for(lambda: said or said.extend(filter(None, [hosts.now[asked].became_of(ticket)])),
                       f"a report, {victim} killed after {delay_ms} ms")
        report_ms = max(report_ms, (time.monotonic() - killed_s) * 1000)
        flows_ms = max(flows_ms, hosts.start_again(victim)[1])
        if said[0]["state"] == "committed":  # who does not lead writes it down in its own time
            hosts.wait_for(lambda: hosts.now[asked].revision() != before, f"{asked} keeps the new graph")
        # All of them have one graph, and where a host said which, it is that.
        kept = hosts.kept_graphs()
        words = f"{victim} killed after {delay_ms} ms, {said[0]['state']}: {before}, then {kept}"
        check(len({graph for _, graph in kept.values()}) == 1, f"all have one graph: {words}")
        changed = kept[asked] != before
        if said[0]["code"] != "rewire.leader_lost":
            check(changed == (said[0]["state"] == "committed"), f"as the report says: {words}")
        has, committed = has ^ changed, committed + changed
    bench.found("report_ms", report_ms, REPORT_LIMIT_MS)
    bench.found("restart_ms", flows_ms, 1000)
    bench.found("changed_runs", committed)
    check(committed > 0, "a change that was decided is done, in spite of the kill")
    host_claims.memory_bounded(bench, hosts)
    hosts.stop(by=asked)
    host_claims.law(hosts)
    return hosts


@scenario(
    setup=SETUP,
    fault="kill -9 of a host that follows, from 0 to 700 ms after the change was asked for",
    recovery="the change is rolled back or done, and reported; the same command again joins with the "
             "graph that the others have",
    invariant="never two graphs; links between the others lose nothing; the law holds everywhere")
def kill_9_changing_follower(bench):
    hosts = killed(bench, "mid", "left")
    host_claims.lossless(hosts, "direct", "steady")
    host_claims.lossless(hosts, "home", "echo")
    for ledger in host_claims.LOSSY:
        host_claims.in_order(hosts, ledger)


@scenario(
    setup=SETUP,
    fault="kill -9 of the host that leads, from 0 to 700 ms after another was asked for the change",
    recovery="who was asked says that the leader was lost, or what became of it; the same command "
             "again joins with the graph that the others have",
    invariant="never two graphs; what left the dead leader arrives once, in order, without holes; "
              "the law holds everywhere")
def kill_9_changing_leader(bench):
    hosts = killed(bench, "left", "mid")
    host_claims.lossless(hosts, "chain", "pulse")
    host_claims.lossless(hosts, "direct", "steady")
    for ledger in host_claims.LOSSY:
        host_claims.in_order(hosts, ledger)


def voted(hosts, wanted):
    """Asks for a change, and stops `mid` when it has agreed, before it hears what was decided. `right`
    stands still meanwhile, so that nothing is decided yet."""
    vote = hosts.now["mid"].out / "revisions" / "voted.json"
    hosts.now["right"].signal(signal.SIGSTOP)
    ticket = hosts.now["left"].ask_for(wanted)
    hosts.wait_for(vote.exists, "mid keeps its vote")
    time.sleep(GIVEN_S)
    hosts.now["mid"].signal(signal.SIGSTOP)
    return ticket


def report(hosts, ticket):
    said = []
    hosts.wait_for(lambda: said or said.extend(filter(None, [hosts.now["left"].became_of(ticket)])),
                   "a report")
    return said[0]


def end_of_vote(hosts, ticket, kind, number):
    """Kills `mid` with its vote; the report. `number`: of the revision that is asked for."""
    left, mid, right = (hosts.now[name] for name in NAMES)
    if kind == "decided":
        right.signal(signal.SIGCONT)
        newest = left.out / "revisions" / f"{number:04}.yaml"
        hosts.wait_for(newest.exists, "left decides")
    elif kind == "either":
        # All votes and the end of `mid` are there when `left` looks again.
        left.signal(signal.SIGSTOP)
        right.signal(signal.SIGCONT)
        hosts.wait_for((right.out / "revisions" / "voted.json").exists, "right keeps its vote")
        time.sleep(GIVEN_S)
    hosts.now.pop("mid").kill()
    if kind == "either":
        left.signal(signal.SIGCONT)
    said = report(hosts, ticket)
    if kind == "called off":  # not before: with all votes it might be decided
        right.signal(signal.SIGCONT)
    return said


@scenario(
    setup=SETUP,
    fault="a host that follows agrees to a change and is killed before it hears of the decision: "
          "called off, decided, and with all votes at the leader when it looks",
    recovery="started again, it asks what was decided, and joins with the graph that the others have",
    invariant="never two graphs; the law holds everywhere")
def kill_9_voted_follower(bench):
    hosts = Hosts(bench).start_all()
    plain = hosts.graph.read_text(encoding="utf-8")
    files = [bench.folder / "plain.yaml", bench.folder / "more.yaml"]
    for file, text in zip(files, (plain, plain + SIDE)):
        file.write_text(text, encoding="utf-8")
    # Beyond the first revision: what a run of that one left is cleared anyway.
    hosts.run_for(0.5)
    said = report(hosts, hosts.now["left"].ask_for(files[1]))
    check(said["state"] == "committed", f"the first change: {said}")
    has = 1
    for kind in ("called off", "decided", "either"):
        hosts.run_for(0.5)
        before = hosts.now["left"].revision()
        said = end_of_vote(hosts, voted(hosts, files[1 - has]), kind, before[0] + 1)
        changed = said["state"] == "committed"
        in_time(kind == "either" or changed == (kind == "decided"), f"{kind}: {said}")
        hosts.start_again("mid")
        check("run.asks" in hosts.now["mid"].log(), f"{kind}: it asks what became of its vote")
        check(not (hosts.now["mid"].out / "revisions" / "voted.json").exists(),
              f"{kind}: and forgets it then")
        kept = hosts.kept_graphs()
        check(len({graph for _, graph in kept.values()}) == 1, f"{kind}: all have one graph: {kept}")
        check(kept["mid"][0] == before[0] + changed, f"{kind}: that of the others: {kept}")
        has ^= changed
    hosts.stop(by="left")
    host_claims.law(hosts)
    return hosts
