"""Claims about several hosts of one graph."""

from support import claims
from support.failure import check, in_time

# Of support/three_hosts.yaml, by ledger: its source, and the hosts on the way.
LOSSLESS = {"chain": ("pulse", ("left", "mid", "right")), "direct": ("steady", ("left", "right")),
            "home": ("echo", ("right", "left"))}
CREDIT = 96  # packets: three times the queue of these links
MEMORY_LIMIT_MIB = 32
LOSSY = {"newest": ("clock", ("left", "right")), "middle": ("hum", ("right", "mid"))}


def lives(entries):
    """[(life, [numbers])] in the order of arrival."""
    out = []
    for life, number, _ in entries:
        if not out or out[-1][0] != life:
            out.append((life, []))
        out[-1][1].append(number)
    return out


def lossless(hosts, ledger, source):
    """Every number once and in order. Of a source's life that was killed, a prefix without holes;
    of the one that closed, all that it sent."""
    found = lives(hosts.ledger(ledger))
    check(len({life for life, _ in found}) == len(found), f"{ledger}: no life comes back")
    for _, seen in found:
        check(breaks(seen) == [], f"{ledger}: none missing, none twice: {around_break(seen)}")
        check(seen[0] == 0, f"{ledger}: from its first packet on, not from number {seen[0]}")
    complete(hosts, ledger, source)


def at_least_once(hosts, ledger, source):
    """For a receiver that was killed: nothing is missing over its lives; what the dead one had in
    hand, or had not confirmed, is handed to the new one again. Returns how many that were."""
    missing, repeated = one_break(hosts, ledger, source)
    check(missing == 0, f"{ledger}: nothing is missing over both lives, but {missing} are")
    check(repeated <= CREDIT, f"{ledger}: no more come twice than the credit: {repeated}")
    return repeated


def chain_through_dead_relay(hosts, ledger, source):
    """For a chain whose relay was killed: what was inside it is gone, or comes twice. Returns how
    many of each."""
    missing, repeated = one_break(hosts, ledger, source)
    check(missing <= 3 * CREDIT and repeated <= CREDIT,
          f"{ledger}: only what the relay held is missing ({missing}) or twice ({repeated})")
    return missing, repeated


def one_break(hosts, ledger, source):
    """(missing, repeated) of a ledger that is whole but for one place."""
    found = lives(hosts.ledger(ledger))
    check(len(found) == 1 and found[0][1][0] == 0, f"{ledger}: one source, from its first packet on")
    jumps = breaks(found[0][1])
    check(len(jumps) <= 1, f"{ledger}: whole but for one place: {around_break(found[0][1])}")
    complete(hosts, ledger, source)
    jump = jumps[0] if jumps else 0
    return max(0, jump), max(0, -jump)


def breaks(seen):
    """By how much each step that is not one goes too far (missing) or back (repeated, negative)."""
    return [b - a - 1 for a, b in zip(seen, seen[1:]) if b != a + 1]


def complete(hosts, ledger, source):
    life, seen = lives(hosts.ledger(ledger))[-1]
    last = hosts.said_last(source)
    check(life == last["life"], f"{ledger}: what {source} sent last has arrived")
    check(seen[-1] + 1 == last["sent"],
          f"{ledger}: all {last['sent']} of {source}, not {seen[-1] + 1}")


def in_order(hosts, ledger):
    """What is allowed to be lossy: in order, and nothing twice."""
    found = lives(hosts.ledger(ledger))
    check(len({life for life, _ in found}) == len(found), f"{ledger}: no life comes back")
    for _, seen in found:
        check(all(a < b for a, b in zip(seen, seen[1:])),
              f"{ledger}: in order, and nothing twice: {around_break(seen, step=None)}")


def around_break(seen, step=1):
    """The place where a sequence goes wrong, for a message."""
    for i, (a, b) in enumerate(zip(seen, seen[1:])):
        if (step and b != a + step) or (not step and b <= a):
            return f"... {seen[max(0, i - 3):i + 5]} ..."
    return "nowhere"


def all_ledgers(hosts):
    """No fault that leaves every process alive may lose on lossless links or repeat on any."""
    for ledger, (source, _) in LOSSLESS.items():
        lossless(hosts, ledger, source)
    for ledger in LOSSY:
        in_order(hosts, ledger)


def law(hosts):
    """In every process that came to its end: each row adds up, for the program and for us."""
    for process in hosts.all:
        if process.exit_code != 0:
            continue  # killed on purpose
        end = process.summary()
        check(end["law_holds"], f"{process.name} says that the law holds")
        check(len(end["links"]) > 0 and len(end["wires"]) > 0, f"{process.name} has books")
        for row in end["links"]:
            adds_up(row, f"{process.name}: {row['from']} > {row['to']}")
        for row in end["wires"]:
            adds_up(row, f"{process.name}: wire {row['link']}")
            check(row["in_flight"] == 0, f"{process.name}: wire {row['link']}: none left in flight")


def adds_up(row, name):
    dropped = sum(row["dropped"].values())
    check(row["sent"] == row["delivered"] + dropped + row["in_flight"],
          f"{name}: sent = delivered + dropped + in flight: {row}")


def longest_gap_ms(entries, from_s, to_s):
    """The longest time without a packet in [from_s, to_s]."""
    times = [from_s] + [at for _, _, at in entries if from_s <= at <= to_s] + [to_s]
    return max(b - a for a, b in zip(times, times[1:])) * 1000


def others_unmoved(hosts, victims, from_s, to_s):
    """Lossless links on whose way no victim lies never wait for half a second."""
    for ledger, (_, way) in LOSSLESS.items():
        if not set(way) & set(victims):
            gap_ms = longest_gap_ms(hosts.ledger(ledger), from_s, to_s)
            in_time(gap_ms < 500, f"{ledger} has nothing to do with it, but waits {gap_ms:.0f} ms",
                    gap_ms / 500)


def nobody_lost(hosts, marks):
    """None is called lost since `marks`: who stands still for long is, with reason."""
    lost = [e for name, p in hosts.now.items() for e in p.heard("host_lost", None, marks[name])]
    in_time(not lost, f"nobody is called lost: {lost}")


def noticed(bench, hosts, pairs, marks, cause_s):
    """Each (by, name) says in time that it lost the other."""
    bench.found("detection_ms", hosts.wait_lost(pairs, marks, cause_s), claims.DETECTION_LIMIT_MS)


def noticed_by_others(bench, hosts, victim, marks, cause_s):
    pairs = [(by, victim) for by in hosts.names if by != victim]
    noticed(bench, hosts, pairs, marks, cause_s)


def flows_again(bench, hosts, since_s):
    """Packets have arrived over every flow, in time after what was wrong is right again."""
    bench.found("restart_ms", hosts.wait_for_flows(since_s), claims.RESTART_LIMIT_MS)


def joins_again(bench, hosts, name):
    """The command of a dead host once more: all flows go on in time after its first word."""
    first_ms, flows_ms = hosts.start_again(name)
    claims.process_started(bench, first_ms)
    bench.found("restart_ms", flows_ms, claims.RESTART_LIMIT_MS)


def memory_bounded(bench, hosts, limit_mib=MEMORY_LIMIT_MIB):
    """No process that runs ever held much more than when all flows had begun."""
    grown = max(p.rss_mib()[1] - p.calm_mib for p in hosts.now.values())
    bench.found("memory_grown_mib", grown, limit_mib)
