"""A host that is killed (-9) and started again by the same command."""

import time

from support import host_claims
from support.hosts import NAMES, Hosts
from support.scenario import scenario

SETUP = ("three hosts as processes of one machine (Unix sockets, shared memory), numbers on lossless, "
         "latest and bounded links between them")


def killed(bench, victim, receivers=(), relays=()):
    """`receivers`: lossless ledgers on the victim; `relays`: those that it is on the way to."""
    hosts = Hosts(bench).start_all()
    hosts.run_for(1)
    marks = hosts.marks()
    killed_s = time.monotonic()
    hosts.now.pop(victim).kill()
    host_claims.noticed_by_others(bench, hosts, victim, marks, killed_s)
    hosts.run_for(1)
    started_s = time.monotonic()
    host_claims.joins_again(bench, hosts, victim)
    hosts.run_for(1)
    host_claims.memory_bounded(bench, hosts)
    hosts.stop(by=next(name for name in NAMES if name != victim))
    host_claims.law(hosts)
    for ledger, (source, _) in host_claims.LOSSLESS.items():
        if ledger in receivers:
            repeated = host_claims.at_least_once(hosts, ledger, source)
            bench.found(f"{ledger}_repeated_packets", repeated)
        elif ledger not in relays:
            host_claims.lossless(hosts, ledger, source)
    for ledger in host_claims.LOSSY:
        host_claims.in_order(hosts, ledger)
    host_claims.others_unmoved(hosts, (victim,), killed_s, started_s)
    return hosts


@scenario(
    setup=SETUP,
    fault="kill -9 of the first host, which leads: sources of three links, receiver of one",
    recovery="both others notice; the new process is told stream time and sessions, and all flows go on",
    invariant="what left the dead source arrives once and in order, without holes; what was sent to "
              "it arrives, what it had in hand at its death twice; the law holds everywhere")
def kill_9_left(bench):
    killed(bench, "left", receivers=("home",))


@scenario(
    setup=SETUP,
    fault="kill -9 of the host in the middle: a relay, and the receiver of a bounded link",
    recovery="both others notice; the new process joins, and all flows go on",
    invariant="links between the others lose nothing and never wait; in the chain through the dead "
              "relay only what it held may be missing or come twice; the law holds everywhere")
def kill_9_mid(bench):
    hosts = killed(bench, "mid", relays=("chain",))
    lost, repeated = host_claims.chain_through_dead_relay(hosts, "chain", "pulse")
    bench.found("relay_lost_packets", lost)
    bench.found("relay_repeated_packets", repeated)


@scenario(
    setup=SETUP,
    fault="kill -9 of the last host: receiver of three links, sources of two",
    recovery="both others notice; queues of lossless links keep what is for it, and what the dead "
             "process had not handled is sent again; all flows go on",
    invariant="nothing on a lossless link is missing over both lives; what the dead process had in "
              "hand comes twice; the law holds everywhere")
def kill_9_right(bench):
    killed(bench, "right", receivers=("direct", "chain"))
