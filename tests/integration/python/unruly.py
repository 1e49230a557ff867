"""Ways to misbehave, each in an actor or in a call of its own."""

import ctypes
import os
import resource
import signal
import socket
import sys
import threading
import time

import hocket


def _all_memory():
    kept = []
    while True:
        kept.append(bytearray(1 << 24))


def _deep(n=0):
    return _deep(n + 1) + 1


def _in_thread(act):
    threading.Thread(target=act).start()
    time.sleep(3600)


def _pipes(data):
    for fd in range(4, 64):
        try:
            os.write(fd, data)
        except OSError:
            pass


def _close_all():
    os.closerange(0, 256)
    time.sleep(3600)


def _reach(what):
    try:
        what()
    except OSError as e:
        raise RuntimeError(f"refused: {e}") from None
    raise RuntimeError("REACHED")


def _fork_and_die():
    if os.fork() == 0:
        time.sleep(3600)
    os._exit(5)


def _spin():
    while True:
        pass


def _throw(error):
    raise error


def _many_files():
    kept = []
    try:
        while True:
            kept.append(open("/dev/null"))
    except OSError:
        for file in kept:
            file.close()
    raise RuntimeError("no more descriptors")


def _many_threads():
    stop = threading.Event()
    try:
        while True:
            threading.Thread(target=stop.wait, daemon=True).start()
    finally:
        stop.set()


def _debug_parent():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, os.getppid(), 0, 0) != 0:  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), "ptrace")


def _other_surroundings():
    os.chdir("/")
    os.umask(0o777)
    os.environ.clear()
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _alarm():
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    time.sleep(3600)


class _LeavesInWords(Exception):
    def __str__(self):
        sys.exit(5)


def _no_builtins():
    import builtins

    builtins.len = None


def _beside(self):
    os.write(self._out.events._fd, b"\xff" * 5000)
    for _ in range(5000):
        self.log("and on")


class _Mute(Exception):
    def __str__(self):
        raise ValueError("it cannot even be said")


# What it does, and what has to be said of it.
WAYS = {
    "abort": (os.abort, "signal 6"),
    "segv": (lambda: ctypes.string_at(0), "signal 11"),
    "kill": (lambda: os.kill(os.getpid(), signal.SIGKILL), "signal 9"),
    "term": (lambda: os.kill(os.getpid(), signal.SIGTERM), "signal 15"),
    "bus": (lambda: os.kill(os.getpid(), signal.SIGBUS), "signal 7"),
    "stop": (lambda: os.kill(os.getpid(), signal.SIGSTOP), "did not come back"),
    "exit_0": (lambda: os._exit(0), "exit code 0"),
    "exit_3": (lambda: os._exit(3), "exit code 3"),
    "sys_exit": (lambda: sys.exit(4), "exit code 4"),
    "interrupted": (lambda: (_ for _ in ()).throw(KeyboardInterrupt()), "its process died"),
    "raises": (lambda: 1 / 0, "ZeroDivisionError"),
    "asserts": (lambda: (_ for _ in ()).throw(AssertionError("no")), "AssertionError"),
    "no_name": (lambda: undefined_name, "NameError"),  # noqa: F821
    "long_words": (lambda: (_ for _ in ()).throw(ValueError("x" * 1000000 + "\x1b[2J")), "xxxx"),
    "memory": (_all_memory, "MemoryError"),
    "one_huge": (lambda: bytearray(1 << 45), "MemoryError"),
    "recursion": (_deep, "RecursionError"),
    "loop": (_spin, "did not come back"),
    "sleep": (lambda: time.sleep(3600), "did not come back"),
    "deadlock": (lambda: [lock.acquire() for lock in [threading.Lock()] * 2], "did not come back"),
    "thread_exits": (lambda: _in_thread(lambda: os._exit(6)), "exit code 6"),
    "thread_crashes": (lambda: _in_thread(lambda: ctypes.string_at(0)), "signal 11"),
    "fork": (_fork_and_die, "exit code 5"),
    "exec": (lambda: os.execv("/bin/false", ["false"]), "exit code 1"),
    "closes": (_close_all, "closed its pipes"),
    "zeros": (lambda: _pipes(bytes(500)), "no child says"),
    "bytes": (lambda: _pipes(b"\xff" * 500), "no answer"),
    "half": (lambda: (_pipes(b"\x01" * 40), os._exit(7)), "exit code 7"),
    "stderr": (lambda: (sys.stderr.write("line \x1b[2J\n" * 20000), os._exit(8)), "exit code 8"),
    "shadow": (lambda: _reach(lambda: open("/etc/shadow")), "refused"),
    "writes": (lambda: _reach(lambda: open("/dev/shm/hocket-unruly", "w")), "refused"),
    "own_file": (lambda: _reach(lambda: open(__file__, "a")), "refused"),
    "socket": (lambda: _reach(lambda: socket.socket()), "refused"),
    "bad_output": (None, "no output `nowhere`"),
    "no_payload": (None, "is no payload"),
    "bad_value": (None, "status"),
    "prints": (lambda: [print("garbage") for _ in range(1000)], ""),
    "trap": (lambda: os.kill(os.getpid(), signal.SIGTRAP), "signal 5"),
    "illegal": (lambda: os.kill(os.getpid(), signal.SIGILL), "signal 4"),
    "division": (lambda: os.kill(os.getpid(), signal.SIGFPE), "signal 8"),
    "files": (_many_files, "no more descriptors"),
    "threads": (_many_threads, "can't start new thread"),
    "debugs": (lambda: _reach(_debug_parent), "refused"),
    "home": (lambda: _reach(lambda: os.listdir("/root")), "refused"),
    "local_socket": (lambda: _reach(lambda: socket.socket(socket.AF_UNIX)), "refused"),
    "raises_in_thread": (lambda: threading.Thread(target=lambda: 1 / 0).start(), ""),
    "stop_iteration": (lambda: _throw(StopIteration()), "StopIteration"),
    "generator_exit": (lambda: _throw(GeneratorExit()), "its process died"),
    "mute_error": (lambda: _throw(_Mute()), "_Mute"),
    "other_surroundings": (_other_surroundings, ""),
    "alarm": (_alarm, "signal 14"),
    "leaves_in_words": (lambda: _throw(_LeavesInWords()), "exit code 5"),
    "no_builtins": (_no_builtins, "its process died"),
    "no_streams": (lambda: (sys.stdout.close(), sys.stderr.close()), ""),
}
# The same, with what the run gave to it. "": it goes on.
GIVEN = {
    "flood_packets": (lambda self: [self.emit("words", hocket.Text("again")) for _ in range(3000)], ""),
    "flood_log": (lambda self: [self.log(f"line {i} \x1b[2J") for i in range(3000)], ""),
    "flood_counters": (lambda self: [self.count(f"counter_{i}") for i in range(3000)], ""),
    "backwards": (lambda self: [self.emit("words", hocket.Text("t"), ts=ts) for ts in (9, 5, 1)], ""),
    "far_future": (lambda self: self.emit("words", hocket.Text("t"), ts=1 << 70), "is no time"),
    "not_utf8": (lambda self: self.emit("words", hocket.Text("\udcff")), "UnicodeEncodeError"),
    "far_future_as_float": (lambda self: self.emit("words", hocket.Text("t"), ts=float("inf")), "TypeError"),
    "no_time": (lambda self: self.emit("words", hocket.Text("t"), ts=float("nan")), "TypeError"),
    "before_all_time": (lambda self: self.emit("words", hocket.Text("t"), ts=-(1 << 63)), ""),
    "huge_text": (lambda self: self.emit("words", hocket.Text("x" * (9 << 20))), "cross in one packet"),
    "huge_number": (lambda self: self.emit("words", hocket.Text("t", request=1 << 80)), "no number of 64 bits"),
    "huge_counter": (lambda self: self.count("c" * (9 << 20)), ""),
    "huge_error": (lambda self: _throw(ValueError("x" * (9 << 20))), "xxxx"),
    "runs_nothing": (lambda self: self.run(None), "run takes a function"),
    "beside": (_beside, "beside its answers"),
    "ends_its_stream": (lambda self: self.emit("words", hocket.Control("end_of_stream")), ""),
    "no_emit": (lambda self: setattr(self, "emit", None), "TypeError"),
    "no_modules": (lambda self: sys.modules.clear(), ""),
}
WAYS |= {how: (None, expected) for how, (_, expected) in GIVEN.items()}


class Unruly(hocket.Component):
    """Misbehaves at the third packet."""

    inputs = {"words": hocket.port(hocket.Text)}
    outputs = {"words": hocket.port(hocket.Text)}
    how: str = hocket.setting(doc="what it does", choices=list(WAYS))
    seen = 0

    def process(self, port, packet):
        self.seen += 1
        if self.seen == 3:
            if self.how == "bad_output":
                self.emit("nowhere", hocket.Text("x"))
            elif self.how == "no_payload":
                self.emit("words", "words")
            elif self.how == "bad_value":
                self.emit("words", hocket.ToolResult("x", "y", status="so so"))
            elif self.how in GIVEN:
                GIVEN[self.how][0](self)
            else:
                WAYS[self.how][0]()
        self.emit("words", packet.payload)


class Ask(hocket.Component):
    """A task for each line."""

    inputs = {"words": hocket.port(hocket.Text)}
    outputs = {"delegations": hocket.port(hocket.Delegation)}
    asked = 0

    def process(self, port, packet):
        self.asked += 1
        self.emit("delegations", hocket.Delegation(packet.payload.value, request=self.asked))


class Rogue(hocket.Tool):
    """Misbehaves as it is asked to."""

    time_limit_ms = 2000

    def call(self, how: str) -> str:
        if how == "fine":
            return "all is well"
        WAYS[how][0]()
        return "it did"

    def arguments_for(self, task):
        return {"how": task.removeprefix("rogue ")} if task.startswith("rogue ") else None


class Tones(hocket.Component):
    """Sounds of 256 KiB."""

    outputs = {"audio": hocket.port(hocket.Audio)}
    source = True
    n = 0

    def produce(self, until):
        while self.n < 20 and self.n * 20_000_000 < until:
            samples = self.allocate((65536, 1))
            samples[:] = self.n / 32
            self.emit("audio", hocket.Audio(samples, first_sample=self.n * 65536), ts=self.n * 20_000_000)
            self.n += 1
        return self.n < 20


class Louder(hocket.Component):
    """Twice as loud, and as it was."""

    inputs = {"audio": hocket.port(hocket.Audio)}
    outputs = {"audio": hocket.port(hocket.Audio), "same": hocket.port(hocket.Audio)}
    kept = None

    def process(self, port, packet):
        a = packet.payload
        self.count("writable" if a.samples.flags.writeable else "read_only")
        out = self.allocate(a.samples.shape)
        out[:] = a.samples * 2
        self.emit("audio", hocket.Audio(out, a.rate_hz, first_sample=a.first_sample))
        self.emit("same", a)


class Sums(hocket.Component):
    """The sum of both."""

    inputs = {"a": hocket.port(hocket.Audio), "b": hocket.port(hocket.Audio)}
    outputs = {"words": hocket.port(hocket.Text)}
    policy = "aligned"

    def process_sets(self, sets):
        for s in sets:
            both = [float(s.inputs[p][0].payload.samples.sum()) for p in ("a", "b")]
            self.emit("words", hocket.Text(f"{both[0]:.0f} {both[1]:.0f}"), ts=s.start)
