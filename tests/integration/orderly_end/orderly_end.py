#!/usr/bin/env python3
"""orderly_end.py HOCKET: whatever signal comes and whatever becomes of its output, a run ends in good
order, or goes on without it: its recording is whole and its accounts are said."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
GRAPH = os.path.join(HERE, "live.yaml")


class Run:
    """A run in a folder of its own."""

    def __init__(self, hocket, folder, *more, **streams):
        self.folder, self.hocket = folder, hocket
        self.record = os.path.join(folder, "all.mcap")
        self.errors = open(os.path.join(folder, "stderr"), "w+")
        streams.setdefault("stdout", open(os.path.join(folder, "stdout"), "w+"))
        streams.setdefault("stderr", self.errors)
        self.process = subprocess.Popen(
            [hocket, "run", GRAPH, "--out", folder, "--record", self.record, "--no-picture", *more],
            stdin=subprocess.DEVNULL, start_new_session=True, **streams)

    def wait_until_it_runs(self):
        socket, deadline = os.path.join(self.folder, "hocket.sock"), time.monotonic() + 120
        while not os.path.exists(socket) or os.path.getsize(self.record) == 0:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, "it does not start"
            time.sleep(0.05)
        time.sleep(0.3)  # something to end: any time will do
        return self

    def said(self):
        out = open(os.path.join(self.folder, "stderr")).read()
        plain = os.path.join(self.folder, "stdout")
        return out + (open(plain).read() if os.path.exists(plain) else "")

    def ends_well(self, accounts=True):
        code = self.process.wait(timeout=180)
        assert code == 0, "exit code %d: %s" % (code, self.said())
        if accounts:
            assert "sent = delivered + dropped + in flight: holds" in self.said(), self.said()
        info = subprocess.run([self.hocket, "record", "info", self.record], capture_output=True,
                              text=True, timeout=180)
        assert info.returncode == 0 and "INCOMPLETE" not in info.stdout, info.stdout + info.stderr


def signals(hocket, folder):
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGXCPU"):
        here = os.path.join(folder, name)
        os.mkdir(here)
        run = Run(hocket, here).wait_until_it_runs()
        run.process.send_signal(getattr(signal, name))
        if name == "SIGHUP":  # the kernel and the shell send it
            run.process.send_signal(signal.SIGHUP)
        run.ends_well()


def rare_signals(hocket, folder):
    # What would kill a process that does not know them; containers are stopped by SIGRTMIN+3.
    sent = [signal.SIGPWR, signal.SIGIO, 16, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF,
            signal.SIGUSR2, signal.SIGRTMIN + 3, signal.SIGRTMAX]
    runs = []
    for number in sent:
        here = os.path.join(folder, str(int(number)))
        os.mkdir(here)
        runs.append(Run(hocket, here))
    for run in runs:
        run.wait_until_it_runs()
    for run, number in zip(runs, sent):
        run.process.send_signal(number)
    for run in runs:
        run.ends_well()


def a_second_ctrl_c(hocket, folder):
    # It ends at once only where somebody insists, half a second later; what ended before is fine as well.
    for attempt in range(20):
        here = os.path.join(folder, str(attempt))
        os.mkdir(here)
        run = Run(hocket, here).wait_until_it_runs()
        began = time.monotonic()
        run.process.send_signal(signal.SIGINT)
        run.process.send_signal(signal.SIGINT)  # a wrapper passed the first on
        if time.monotonic() - began < 0.4:
            return run.ends_well()
        run.process.wait(timeout=180)  # we were held up between the two
    raise AssertionError("two signals in a row took half a second, 20 times")


def head(hocket, folder):
    read, write = os.pipe()
    run = Run(hocket, folder, stdout=write)
    os.close(write)
    run.wait_until_it_runs()
    os.close(read)
    run.ends_well()
    assert "nobody reads the output" in run.said(), run.said()


def tee(hocket, folder):
    # Ctrl-C reaches both: the reader dies first.
    script = '"$0" run "$1" --out "$2" --record "$2/all.mcap" --no-picture 2>"$2/stderr" | tee "$2/log"'
    group = subprocess.Popen(["bash", "-c", "set -o pipefail; trap : INT; " + script, hocket, GRAPH,
                              folder], stdin=subprocess.DEVNULL, start_new_session=True,
                             stdout=subprocess.DEVNULL)
    run = Run.__new__(Run)
    run.folder, run.hocket, run.process = folder, hocket, group
    run.record = os.path.join(folder, "all.mcap")
    deadline = time.monotonic() + 120
    while not os.path.exists(run.record):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run.wait_until_it_runs()
    os.killpg(group.pid, signal.SIGINT)
    group.wait(timeout=180)
    with open(os.path.join(folder, ".hocket.lock")) as lock:  # hocket ends after its shell
        deadline = time.monotonic() + 120
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                break
            except OSError:
                assert time.monotonic() < deadline, "it does not end"
                time.sleep(0.05)
    info = subprocess.run([hocket, "record", "info", run.record], capture_output=True, text=True,
                          timeout=120)
    assert info.returncode == 0 and "INCOMPLETE" not in info.stdout, info.stdout + info.stderr
    said = open(os.path.join(folder, "stderr")).read() + open(os.path.join(folder, "log")).read()
    assert "holds" in said, said


def closed_terminal(hocket, folder):
    master, slave = pty.openpty()
    run = Run(hocket, folder, stdout=slave, stderr=slave,
              env=dict(os.environ, TERM="xterm-256color"))
    os.close(slave)
    run.wait_until_it_runs()
    os.read(master, 100)
    os.close(master)
    run.ends_well(accounts=False)  # nobody was left to hear them


def full_disk(hocket, folder):
    run = Run(hocket, folder, "--duration", "2", stdout=open("/dev/full", "w"))
    run.ends_well()
    assert "the run goes on without it" in run.said(), run.said()


def no_output(hocket, folder):
    run = Run.__new__(Run)
    run.folder, run.hocket, run.record = folder, hocket, os.path.join(folder, "all.mcap")
    run.process = subprocess.Popen(
        ["bash", "-c", 'exec "$0" run "$1" --out "$2" --record "$3" --duration 1 <&- >&- 2>&-',
         hocket, GRAPH, folder, run.record])
    assert run.process.wait(timeout=180) == 0
    for name in os.listdir(folder):  # what was to be printed went into no file of the run
        path = os.path.join(folder, name)
        if os.path.isfile(path) and not name.endswith((".png", ".svg")):
            assert b"sent = delivered" not in open(path, "rb").read(), name
    info = subprocess.run([hocket, "record", "info", run.record], capture_output=True, text=True,
                          timeout=180)
    assert "INCOMPLETE" not in info.stdout, info.stdout


def a_pager_that_waits(hocket, folder):
    read, write = os.pipe()  # never read
    run = Run(hocket, folder, "--json", "--duration", "2", stdout=write)
    os.close(write)
    run.ends_well(accounts=False)
    os.close(read)


CASES = (signals, rare_signals, a_second_ctrl_c, head, tee, closed_terminal, full_disk, no_output,
         a_pager_that_waits)

if __name__ == "__main__":
    hocket = os.path.abspath(sys.argv[1])
    for case in CASES:
        if len(sys.argv) > 2 and case.__name__ not in sys.argv[2:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            case(hocket, folder)
        print(case.__name__ + ": in good order", flush=True)
