"""How much of the machine was ours: how long it stood still, and how much of it others took."""

import os
import resource
import threading
import time

BEAT_S = 0.01
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Metronome:
    """Use as a context. Afterwards `worst_ms`: by how much a thread that only sleeps woke too late;
    `others_share`: the part of this machine's cores that was taken by what neither is this process nor
    is a child of it that has ended (0 to 1; what a hypervisor gave to somebody else is taken, too)."""

    def __init__(self):
        self.worst_ms = 0.0
        self.others_share = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self):
        self._begun = time.monotonic(), _taken_s(), _own_s()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        begun_s, taken_s, own_s = self._begun
        room_s = (time.monotonic() - begun_s) * len(os.sched_getaffinity(0))
        others_s = (_taken_s() - taken_s) - (_own_s() - own_s)
        self.others_share = min(1.0, max(0.0, others_s / max(room_s, 0.001)))

    def _beat(self):
        while not self._over.is_set():
            began_s = time.monotonic()
            time.sleep(BEAT_S)
            self.worst_ms = max(self.worst_ms, (time.monotonic() - began_s - BEAT_S) * 1000)


def _taken_s():
    """CPU time of the cores that we may use, by whomever, up to now."""
    ours = {f"cpu{n}" for n in os.sched_getaffinity(0)}
    with open("/proc/stat", encoding="utf-8") as file:
        rows = [line.split() for line in file if line.startswith("cpu")]
    # user, nice, system, idle, iowait, irq, softirq, steal
    return sum(int(n) for row in rows if row[0] in ours
               for n in (*row[1:4], *row[6:9])) / TICKS_PER_S


def _own_s():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)
