"""What networks do, between three hosts with a network namespace each (support/network.py)."""

import time

from support import host_claims
from support.failure import check, in_time
from support.hosts import Hosts
from support.network import Network
from support.scenario import scenario

SETUP = ("three hosts in network namespaces of their own, TCP, no shared memory; every IP packet goes "
         "through a switch in user space")
KEPT = ("lossless links lose and repeat nothing; the others are in order and repeat nothing; the law "
        "holds everywhere; ")


def under_way(bench, keys=False, seed=1, settings=()):
    """Three hosts that talk over a network of their own, a second into it."""
    net = bench.stack.enter_context(Network(("left", "mid", "right"), seed))
    hosts = Hosts(bench, network=net, keys=keys, settings=settings).start_all()
    hosts.run_for(1)
    return net, hosts


def ended(bench, hosts):
    hosts.run_for(1)
    host_claims.memory_bounded(bench, hosts)
    hosts.stop()
    host_claims.law(hosts)


def healed_and_kept(bench, net, hosts):
    """The network is whole again: all flows go on, and at the end nothing is missing that must not
    be. Returns when it was healed."""
    healed_s = time.monotonic()
    net.heal(net.all())
    host_claims.flows_again(bench, hosts, healed_s)
    ended(bench, hosts)
    host_claims.all_ledgers(hosts)
    return healed_s


@scenario(
    setup=SETUP + "; CURVE keys",
    fault="the link between mid and right is cut in both directions, and whole again a second after "
          "both noticed",
    recovery="both notice by silence; after the healing they connect anew, and all flows go on",
    invariant=KEPT + "links between the others never wait; what a bounded link lost on the way is "
              "announced")
def link_cut(bench):
    net, hosts = under_way(bench, keys=True)
    marks, cut_s = hosts.marks(), time.monotonic()
    net.cut(net.between("mid", "right"))
    host_claims.noticed(bench, hosts, [("right", "mid"), ("mid", "right")], marks, cut_s)
    hosts.run_for(1)
    healed_s = healed_and_kept(bench, net, hosts)
    host_claims.others_unmoved(hosts, ("mid",), cut_s, healed_s)
    gaps = sum(w["gaps"] for p in hosts.all for w in p.summary()["wires"])
    bench.found("announced_gap_packets", gaps)
    dropped = sum(w["dropped"].get("disconnected", 0) for p in hosts.all
                  for w in p.summary()["wires"])
    check(gaps == dropped, f"each packet that a link dropped is announced: {dropped}, not {gaps}")


@scenario(
    setup=SETUP + "; CURVE keys",
    fault="a link is cut for half a second, six times in six seconds: shorter than the time after "
          "which a host counts as lost",
    recovery="TCP repeats what was lost; nobody is given up",
    invariant=KEPT + "no host is called lost")
def link_flaps(bench):
    net, hosts = under_way(bench, keys=True)
    marks = hosts.marks()
    for _ in range(6):
        net.cut(net.between("left", "right"))
        hosts.run_for(0.5)
        net.heal(net.all())
        healed_s = time.monotonic()
        hosts.run_for(0.5)
    host_claims.flows_again(bench, hosts, healed_s)
    host_claims.nobody_lost(hosts, marks)
    ended(bench, hosts)
    host_claims.all_ledgers(hosts)


@scenario(
    setup=SETUP + "; CURVE keys",
    fault="10 % of all IP packets are lost for ten seconds, in both directions everywhere",
    recovery="none is needed: TCP repeats; should a lane be silent for too long, its host connects anew",
    invariant=KEPT + "all flows go on within a second of the end of the loss")
def link_loss(bench):
    net, hosts = under_way(bench, keys=True)
    for way in net.all():
        way.loss = 0.1
    hosts.run_for(10)
    check(net.dropped > 100, f"packets were lost: {net.dropped}")
    healed_and_kept(bench, net, hosts)
    connects = sum(peer["connects"] - 1 for p in hosts.all for peer in p.summary()["peers"])
    bench.found("reconnects", connects)


@scenario(
    setup=SETUP + "; CURVE keys",
    fault="each IP packet is delayed by 0 to 300 ms for ten seconds, so that they overtake each other",
    recovery="none is needed: packets come later, and in order; should TCP, whose timers such a jitter "
             "misleads, leave a lane silent for too long, its host connects anew",
    invariant=KEPT + "no host is called lost for another reason than silence; all flows go on within "
              "a second of the end of the jitter")
def link_jitter(bench):
    net, hosts = under_way(bench, keys=True)
    marks = hosts.marks()
    for way in net.all():
        way.delay_ms = (0, 300)
    hosts.run_for(10)
    lost = [e for name, p in hosts.now.items() for e in p.heard("host_lost", None, marks[name])]
    loud = [e for e in lost if "silent: " not in e["text"]]
    in_time(not loud, f"nobody is called lost who is not silent: {loud}")
    bench.found("called_lost", len(lost))
    healed_and_kept(bench, net, hosts)


def half_open(bench, deaf, heard):
    net, hosts = under_way(bench)
    marks, cut_s = hosts.marks(), time.monotonic()
    net.cut([net.ways[heard, deaf]])
    host_claims.noticed(bench, hosts, [(deaf, heard), (heard, deaf)], marks, cut_s)
    hosts.run_for(1)
    healed_and_kept(bench, net, hosts)


@scenario(
    setup=SETUP,
    fault="nothing passes from left (which connects) to mid any more; from mid to left all does",
    recovery="mid notices by silence and tells left, which still hears it; after the healing they "
             "connect anew",
    invariant=KEPT)
def half_open_forth(bench):
    half_open(bench, deaf="mid", heard="left")


@scenario(
    setup=SETUP,
    fault="nothing passes from mid (which listens) to left any more; from left to mid all does",
    recovery="left notices by silence and tells mid, which still hears it; after the healing they "
             "connect anew",
    invariant=KEPT)
def half_open_back(bench):
    half_open(bench, deaf="left", heard="mid")


@scenario(
    setup=SETUP,
    fault="mid dies without a word, as a machine without power: its links are cut, then kill -9",
    recovery="the others notice by silence, though nothing closed their connections; with its links "
             "whole again, the same command joins",
    invariant="links between the others lose nothing and never wait; the law holds everywhere")
def power_cut(bench):
    net, hosts = under_way(bench)
    marks, cut_s = hosts.marks(), time.monotonic()
    net.cut(net.of("mid"))
    hosts.now.pop("mid").kill()
    host_claims.noticed_by_others(bench, hosts, "mid", marks, cut_s)
    hosts.run_for(0.5)
    net.heal(net.all())
    started_s = time.monotonic()
    host_claims.joins_again(bench, hosts, "mid")
    ended(bench, hosts)
    for ledger in ("direct", "home"):
        host_claims.lossless(hosts, ledger, host_claims.LOSSLESS[ledger][0])
    host_claims.others_unmoved(hosts, ("mid",), cut_s, started_s)
    host_claims.chain_through_dead_relay(hosts, "chain", "pulse")
