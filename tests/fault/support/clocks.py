"""Clocks of single processes, without touching the machine's."""

import contextlib
import ctypes
import os
import struct
import subprocess
import sys
import time

from support.failure import Skipped

CLONE_NEWTIME = 0x80


class WallClock:
    """The time of day of whoever runs in `environment` is off by what was last set, from that
    moment on (plugin/wall_clock.cpp)."""

    def __init__(self, tools, path):
        library = tools.plugin.parent / "wall_clock.so"
        if not library.exists():
            raise Skipped(f"{library} was not built")
        self.path = path
        self.environment = {"LD_PRELOAD": str(library), "HOCKET_WALL_CLOCK": str(path)}
        path.write_bytes(bytes(8))

    def set(self, off_s):
        with open(self.path, "r+b", buffering=0) as file:
            file.write(struct.pack("<q", int(off_s * 1e9)))

    def seen_by_a_process(self):
        """What Python's time.time() says under it, less what it says here."""
        words = "import time; print(time.clock_gettime(time.CLOCK_REALTIME))"
        said = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True,
                              check=True, env={**os.environ, **self.environment})
        return float(said.stdout) - time.time()


@contextlib.contextmanager
def monotonic_ahead(by_s):
    """A time namespace whose monotonic clock is ahead; gives what enters it, to be called in a
    child process before it becomes another program."""
    if os.geteuid() != 0:
        raise Skipped("only root can make time namespaces")
    words = ("import ctypes, sys\n"
             f"if ctypes.CDLL(None).unshare({CLONE_NEWTIME}) != 0: sys.exit(1)\n"
             f"open('/proc/self/timens_offsets', 'w').write('monotonic {int(by_s)} 0\\n')\n"
             "print('made', flush=True)\n"
             "sys.stdin.read()\n")
    maker = subprocess.Popen([sys.executable, "-c", words], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        if maker.stdout.readline() != "made\n":
            raise Skipped("no time namespaces here")
        space = os.open(f"/proc/{maker.pid}/ns/time_for_children", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        maker.stdin.close()
        maker.wait()
    libc = ctypes.CDLL(None, use_errno=True)

    def enter():
        if libc.setns(space, CLONE_NEWTIME) != 0:
            raise OSError(ctypes.get_errno(), "setns to a time namespace")

    try:
        yield enter
    finally:
        os.close(space)
