"""How much of the machine was ours: how long it stood still, and how much of it others took."""

import contextlib
import ctypes
import os
import pathlib
import resource
import threading
import time

BEAT_S = 0.01
PR_SET_CHILD_SUBREAPER = 36
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Metronome:
    """Use as a context. Afterwards `worst_ms`: by how much a thread that only sleeps woke too late;
    `others_share`: the part of this machine's cores that was taken by what neither is this process nor
    descends from it (0 to 1; what a hypervisor gave to somebody else is taken, too). For that it adopts
    what its children leave behind, running or ended."""

    def __init__(self):
        self.worst_ms = 0.0
        self.others_share = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
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
    """CPU time of this process and of all that descend from it, up to now."""
    with contextlib.suppress(ChildProcessError):  # adopted ones: nobody else waits for them
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used) + _running_s(os.getpid())


def _running_s(pid):
    """CPU time of the processes below `pid`, and of those that they have waited for."""
    below, ticks = {}, {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            row = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            below.setdefault(int(row[1]), []).append(int(path.parent.name))
            # utime, stime, cutime, cstime
            ticks[int(path.parent.name)] = sum(int(n) for n in row[11:15])
    found, left = 0, below.get(pid, [])
    while left:
        one = left.pop()
        found += ticks[one]
        left += below.get(one, [])
    return found / TICKS_PER_S
