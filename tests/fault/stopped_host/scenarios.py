"""A host that stands still (SIGSTOP) longer than its peers wait, and goes on (SIGCONT)."""

import signal
import time

from support import host_claims
from support.hosts import NAMES, Hosts
from support.scenario import scenario

SETUP = "three hosts as processes of one machine (Unix sockets, shared memory)"
RECOVERY = ("both others notice by silence; it is welcomed back as the same process, and all flows "
            "go on")
INVARIANT = ("lossless links lose and repeat nothing; the others are in order and repeat nothing; "
             "the law holds everywhere; links between the others never wait; memory is bounded")


def stopped(bench, victim):
    hosts = Hosts(bench).start_all()
    hosts.run_for(1)
    marks = hosts.marks()
    stopped_s = time.monotonic()
    hosts.now[victim].signal(signal.SIGSTOP)
    host_claims.noticed_by_others(bench, hosts, victim, marks, stopped_s)
    hosts.run_for(1)
    going_s = time.monotonic()
    hosts.now[victim].signal(signal.SIGCONT)
    host_claims.flows_again(bench, hosts, going_s)
    hosts.run_for(1)
    host_claims.memory_bounded(bench, hosts)
    hosts.stop(by=next(name for name in NAMES if name != victim))
    host_claims.law(hosts)
    host_claims.all_ledgers(hosts)
    host_claims.others_unmoved(hosts, (victim,), stopped_s, going_s)


@scenario(setup=SETUP, fault="SIGSTOP of the first host, which leads, and SIGCONT a second after it "
          "was noticed", recovery=RECOVERY, invariant=INVARIANT)
def stop_left(bench):
    stopped(bench, "left")


@scenario(setup=SETUP, fault="SIGSTOP of the host in the middle, and SIGCONT a second after it was "
          "noticed", recovery=RECOVERY, invariant=INVARIANT)
def stop_mid(bench):
    stopped(bench, "mid")


@scenario(setup=SETUP, fault="SIGSTOP of the last host, and SIGCONT a second after it was noticed",
          recovery=RECOVERY, invariant=INVARIANT)
def stop_right(bench):
    stopped(bench, "right")
