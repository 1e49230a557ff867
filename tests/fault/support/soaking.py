"""What a soak writes down, and what it makes of it at the end."""

import collections
import sys
import time

from support import claims, host_claims
from support.report import measure

SETTLED_S = 150  # a young process still warms its pools up: its memory is judged from then on
LONG_S = 120  # of settled life, or a slope says nothing
SLOPE_LIMIT_KIB_PER_MIN = 64
GROWN_LIMIT_MIB = 16


class Log:
    def __init__(self):
        self.kills = collections.Counter()  # by host
        self.counts = collections.Counter()  # by kind of fault
        self.detections_ms = collections.defaultdict(list)
        self.restarts_ms = collections.defaultdict(list)
        self.memory = collections.defaultdict(list)  # by process: [(age_s, MiB)]

    def killed(self, host):
        self.kills[host] += 1

    def fault(self, kind, detection_ms, restart_ms):
        self.counts[kind] += 1
        if detection_ms is not None:
            self.detections_ms[kind].append(detection_ms)
        self.restarts_ms[kind].append(restart_ms)

    def sample(self, hosts):
        for process in hosts.now.values():
            age_s = time.monotonic() - process.started_s
            self.memory[process].append((age_s, process.rss_mib()[0]))


def slope(points):
    """Least squares, of y over x."""
    n = len(points)
    mx, my = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    return (sum((x - mx) * (y - my) for x, y in points) /
            max(1e-9, sum((x - mx) ** 2 for x, _ in points)))


def memory_measures(log):
    """Slope over all processes that lived for long: each one's own mean is taken out first."""
    points, grown, lives = [], 0.0, 0
    for samples in log.memory.values():
        settled = [(age_s, mib) for age_s, mib in samples if age_s >= SETTLED_S]
        if len(settled) < 3 or settled[-1][0] - settled[0][0] < LONG_S:
            continue
        lives += 1
        grown = max(grown, max(m for _, m in settled) - settled[0][1])
        mean_s = sum(s for s, _ in settled) / len(settled)
        mean_mib = sum(m for _, m in settled) / len(settled)
        points += [(s - mean_s, m - mean_mib) for s, m in settled]
    yield measure("soak.long_lives", lives, "", None, None)
    if not lives:
        print(f"note: no process lived for {SETTLED_S + LONG_S} s: nothing is claimed of memory "
              f"(--minutes {(SETTLED_S + LONG_S) // 60 + 1} or more)", file=sys.stderr)
    if points:
        kib_per_min = slope(points) * 1024 * 60
        yield measure("soak.rss_slope_kib_per_min", round(kib_per_min, 2), "KiB/min",
                      SLOPE_LIMIT_KIB_PER_MIN, kib_per_min <= SLOPE_LIMIT_KIB_PER_MIN)
        yield measure("soak.rss_grown_mib", round(grown, 2), "MiB", GROWN_LIMIT_MIB,
                      grown <= GROWN_LIMIT_MIB)
    peak = max(m for samples in log.memory.values() for _, m in samples)
    yield measure("soak.rss_peak_mib", round(peak, 1), "MiB", None, None)


def count_breaks(entries):
    """(forward, missing, back, repeated) over all lives of the source."""
    forward = missing = back = repeated = 0
    for _, seen in host_claims.lives(entries):
        for jump in host_claims.breaks([-1, *seen]):
            if jump > 0:
                forward, missing = forward + 1, missing + jump
            else:
                back, repeated = back + 1, repeated - jump
    return forward, missing, back, repeated


def ledger_measures(log, hosts):
    """Lossless ledgers: holes only where a relay was killed, repeats only where a receiver was."""
    packets = 0
    for ledger, (source, way) in host_claims.LOSSLESS.items():
        entries = hosts.ledger(ledger)
        packets += len(entries)
        host_claims.complete(hosts, ledger, source)
        forward, missing, back, repeated = count_breaks(entries)
        relay_kills = sum(log.kills[h] for h in way[1:-1])
        receiver_kills = log.kills[way[-1]]
        allowed = (forward <= relay_kills and back <= relay_kills + receiver_kills
                   and missing <= 3 * host_claims.CREDIT * relay_kills
                   and repeated <= host_claims.CREDIT * (relay_kills + receiver_kills))
        yield measure(f"soak.{ledger}_missing_packets", missing, "", 0 if not relay_kills else None,
                      allowed)
        yield measure(f"soak.{ledger}_repeated_packets", repeated, "",
                      0 if not relay_kills + receiver_kills else None, allowed)
    for ledger in host_claims.LOSSY:
        host_claims.in_order(hosts, ledger)
        packets += len(hosts.ledger(ledger))
    yield measure("soak.packets", packets, "", None, None)


def measures(log, hosts, minutes):
    out = [measure("soak.minutes", round(minutes, 2), "min", None, None),
           measure("soak.faults", sum(log.counts.values()), "", None, None)]
    for kind, count in sorted(log.counts.items()):
        out.append(measure(f"soak.{kind}", count, "", None, None))
        if log.detections_ms[kind]:
            worst = max(log.detections_ms[kind])
            out.append(measure(f"soak.{kind}.detection_ms", round(worst, 1), "ms",
                               claims.DETECTION_LIMIT_MS, worst <= claims.DETECTION_LIMIT_MS))
        worst = max(log.restarts_ms[kind])
        out.append(measure(f"soak.{kind}.restart_ms", round(worst, 1), "ms",
                           claims.RESTART_LIMIT_MS, worst <= claims.RESTART_LIMIT_MS))
    out += ledger_measures(log, hosts)
    out += memory_measures(log)
    return out
