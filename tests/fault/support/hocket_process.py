"""One `hocket run` as a process of its own, watched from outside."""

import json
import os
import re
import resource
import signal
import subprocess
import time
import wave

from support.failure import Failure

POLL_S = 0.005
LIMIT_S = 120  # for anything to happen, on a machine that is busy with a build

LINK = re.compile(r"^(\S+ > \S+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +([\d.]+) *(.*)$", re.M)


class HocketProcess:
    """Starts at once. `events` are the lines of events.jsonl so far, each with `seen_s`, the time
    (of time.monotonic) at which this process saw it: right to 5 ms or so. `enter` is called in the
    child before it becomes hocket."""

    def __init__(self, tools, graph, out, settings, log=None, form="--plain", arguments=(),
                 environment=None, enter=None):
        out.mkdir(parents=True, exist_ok=True)
        self.out = out
        self.events = []
        self.exit_code = None  # negative: died of that signal
        self.peak_rss_mib = None
        self.log_path = log or out.parent / f"{out.name}.txt"
        self._offset = 0
        self._torn = ""
        (out / "events.jsonl").unlink(missing_ok=True)
        command = [str(tools.hocket), "run", str(graph), "--plugin", str(tools.plugin),
                   form, "--out", str(out), *arguments]
        for path, value in settings.items():
            command += ["--set", f"{path}={value}"]
        self.started_s = time.monotonic()
        with open(self.log_path, "w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                preexec_fn=lambda: (resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
                                    enter and enter()))

    # -- while it runs

    def wait_for(self, condition, words):
        """Until `condition()`; a process that ended, or that takes too long, is a failure."""
        limit_s = time.monotonic() + LIMIT_S
        while True:
            alive = self._poll()
            if condition():
                return
            if not alive or time.monotonic() > limit_s:
                raise Failure(f"{words}: not so when the process "
                              + (f"had run for {LIMIT_S} s" if alive else "ended"))
            time.sleep(POLL_S)

    def wait_for_turns(self, count):
        """Until that many micro-turns are in the event log."""
        self.wait_for(lambda: sum(e["type"] == "turn" for e in self.events) >= count,
                      f"{count} micro-turns in the event log")

    def wait(self):
        """Until the process has ended; then exit_code and peak_rss_mib are known."""
        self.wait_for(lambda: self.exit_code is not None, "the process ends")
        return self

    def signal(self, number):
        os.kill(self._process.pid, number)

    def pid(self):
        return self._process.pid

    def kill(self):
        if self.exit_code is None:
            self.signal(signal.SIGKILL)
            self.wait()

    def _poll(self):
        # Ended first, read after: then nothing that it wrote is missed.
        if self.exit_code is None:
            pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
            if pid != 0:
                self.exit_code = os.waitstatus_to_exitcode(status)
                self._process.returncode = self.exit_code
                self.peak_rss_mib = usage.ru_maxrss / 1024
                self.ended_s = time.monotonic()
        path = self.out / "events.jsonl"
        if path.exists():
            with open(path, "rb") as file:
                file.seek(self._offset)
                chunk = file.read()
            # Whole lines only: what comes after the last newline may be taken back (a full disk).
            whole, newline, torn = chunk.rpartition(b"\n")
            self._offset += len(whole) + len(newline)
            self._torn = torn.decode("utf-8", "replace")
            now_s = time.monotonic()
            self.events += [{**json.loads(line), "seen_s": now_s}
                            for line in whole.decode("utf-8").split("\n") if line]
        return self.exit_code is None

    # -- what it told

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def last_lines(self):
        life = [e for e in self.events if e["type"] == "event"][-12:]
        lines = [f"  {e['t_ms']:9.0f} ms  {e.get('actor', '')} {e['role']} {e.get('text', '')}"
                 for e in life]
        return "\n".join(["last events:", *lines, "last words:", self.log()[-1500:]])

    def all_of(self, actor, role, text=None):
        return [e for e in self.events if e["type"] == "event" and e.get("actor", "") == actor
                and e["role"] == role and (text is None or e.get("text", "") == text)]

    def roles(self, actor, *wanted):
        """The actor's life: its events in order, only the wanted ones."""
        return [e["role"] for e in self.events
                if e["type"] == "event" and e.get("actor") == actor and e["role"] in wanted]

    def told(self, actor):
        """What control a witness was handed on its input `audio`, in order."""
        found = [re.fullmatch(r"told (\w+) on audio", e.get("text", ""))
                 for e in self.all_of(actor, "log")]
        return [m.group(1) for m in found if m]

    def links(self):
        """The table printed at the end: {"a.x > b.y": {"sent", …, "reasons": {reason: count}}}."""
        table = {}
        for name, sent, delivered, dropped, in_flight, depth, blocked, why in LINK.findall(self.log()):
            pairs = [word.split() for word in why.split(", ") if word]
            table[name] = {"sent": int(sent), "delivered": int(delivered), "dropped": int(dropped),
                           "in_flight": int(in_flight), "depth_max": int(depth),
                           "blocked_ms": float(blocked),
                           "reasons": {reason: int(n) for reason, n in pairs}}
        return table

    def counters(self, actor):
        """The actor's line under `counters`: {"restarts": 1, …}."""
        line = re.search(rf"^  {actor}:(.*)$", self.log(), re.M)
        words = line.group(1).split("last error:")[0] if line else ""
        return {name: int(n) for name, n in re.findall(r"(\w+) (\d+)", words)}

    def witness(self, actor):
        """The last words of a `faulty.witness`."""
        return json.loads((self.out / f"{actor}.json").read_text())

    def wav(self, name):
        """Number of frames of a recording, read by Python's own reader; checks its header."""
        path = self.out / name
        with wave.open(str(path)) as file:
            frames, frame_bytes = file.getnframes(), file.getnchannels() * file.getsampwidth()
            whole = len(file.readframes(frames)) == frames * frame_bytes
        return frames if whole else -1

    def torn(self):
        """What stands after the last newline of the event log."""
        return self._torn
