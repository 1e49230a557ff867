"""One graph over several processes, each a `hocket run GRAPH --host NAME`."""

import bisect
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from support.failure import Failure, check
from support.hocket_process import HocketProcess

GRAPH = pathlib.Path(__file__).parent / "three_hosts.yaml"
NAMES = ("left", "mid", "right")


class HostProcess(HocketProcess):
    """One host in one life. Prints JSON, so that its last line is the summary."""

    def __init__(self, name, *arguments, **more):
        self.name = name
        self.calm_mib = None  # resident memory when all flows had begun
        super().__init__(*arguments, **more)

    def summary(self):
        """What it said at its end: why, law_holds, links, wires, peers."""
        for line in reversed(self.log().splitlines()):
            if line.startswith('{"type":"summary"'):
                return json.loads(line)
        raise Failure(f"{self.name} prints a summary at its end")

    def status(self):
        """What it says of itself now, or None where it does not answer."""
        return self.say("status")

    def say(self, words):
        """The answer to a line on its socket, read as JSON, or None where it does not answer."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(120)
                s.connect(str(self.out / "hocket.sock"))
                s.sendall(words.encode() + b"\n")
                text = b""
                while not text.endswith(b"\n"):
                    chunk = s.recv(65536)
                    if not chunk:
                        return None
                    text += chunk
                return json.loads(text)
        except OSError:
            return None

    def ask_for(self, graph):
        """Asks for another graph, as `hocket apply` does; returns what `became_of` wants."""
        text = graph.read_text(encoding="utf-8")
        said = self.say("rewire " + json.dumps({"file": str(graph), "text": text}))
        check(said and "ticket" in said, f"{self.name} takes a change: {said}")
        return said["ticket"]

    def became_of(self, ticket):
        """The report of a change, or None while it is under way, or where nobody is to ask."""
        said = self.say(f"rewired {ticket}")
        return said if said and said.get("state") != "running" else None

    def revision(self):
        """(number, hash) of the graph with which it would go on, as its folder keeps it."""
        kept = json.loads((self.out / "revisions" / "newest.json").read_text(encoding="utf-8"))
        return kept["revision"], kept["hash"]

    def heard(self, role, peer=None, since=0):
        """Events such as host_lost from number `since` on, optionally of one peer only."""
        return [e for e in self.events[since:] if e["type"] == "event" and e["role"] == role
                and (peer is None or re.match(rf"{peer}(:|$)", e.get("text", "")))]

    def rss_mib(self):
        """Resident memory now and at its peak, but for the arenas: their size is fixed, and they
        come a moment after the first packets, which then still go over sockets."""
        with open(f"/proc/{self.pid()}/status", encoding="utf-8") as file:
            found = dict(re.findall(r"^(VmRSS|VmHWM|RssShmem):\s+(\d+) kB", file.read(), re.M))
        arenas = int(found["RssShmem"])
        return (int(found["VmRSS"]) - arenas) / 1024, (int(found["VmHWM"]) - arenas) / 1024


class Hosts:
    """The processes of one graph, by name, and the ledgers that they write.

    `network`: they talk over a support.network, one namespace each, without shared memory;
    `loopback`: over TCP with ports of the system's choice; else over sockets in the scenario's
    folder; both with shared memory. `host_options`: by name, more keys for `hosts`."""

    def __init__(self, bench, graph=GRAPH, settings=(), network=None, names=NAMES, keys=False,
                 loopback=False, host_options=None):
        self.bench = bench
        self.loopback = loopback
        self.network = network
        self.names = names
        self.settings = dict(settings)
        self._ledgers = {}  # by actor: [file, clock ahead [s], entries, half a line]
        self.now = {}  # the process that runs under each name
        self.all = []
        self.environment = {}  # by name: more variables
        self.arguments = {}  # by name: more arguments
        self.enter = {}  # by name: called in the child before it becomes hocket
        self.clock_ahead_s = {}  # by name: its monotonic clock less ours
        self.graph = bench.folder / "graph.yaml"
        self.listen = {name: self._address(name) for name in names}
        if keys:
            subprocess.run([bench.tools.hocket, "keys", *names, "--dir", bench.folder / "keys"],
                           check=True, stdout=subprocess.DEVNULL)
        lines = []
        for name in names:
            options = {"listen": f'"{self.listen[name]}"'}
            if network:
                options["shared_memory"] = "false"
                if not keys:
                    options["insecure"] = "true"
            if keys:
                options["key"] = f'"{bench.folder}/keys/{name}.pub"'
            options |= (host_options or {}).get(name, {})
            words = ", ".join(f"{k}: {v}" for k, v in options.items())
            lines.append(f"  {name}: {{{words}}}\n")
        text = graph.read_text(encoding="utf-8")
        self.graph.write_text(text.replace("hosts: {}\n", "hosts:\n" + "".join(lines)),
                              encoding="utf-8")

    def _address(self, name):
        if self.network:
            return f"tcp://{self.network.address(name)}:7400"
        if self.loopback:  # a placeholder: --listen and --peer say where
            return f"tcp://127.0.0.1:{7400 + 2 * self.names.index(name)}"
        return f"ipc://{self.bench.folder}/{name}.ipc"

    # -- life

    def start(self, name, out=None):
        """Starts one host; a second life of it uses the same folder, as the same command would."""
        life = sum(p.name == name for p in self.all)
        made = HostProcess(
            name, self.bench.tools, self.graph, self.bench.folder / (out or name), self.settings,
            self.bench.folder / f"{name}.{life + 1}.txt", form="--json",
            arguments=["--host", name, *self._places(name), *self.arguments.get(name, ())],
            environment=self.environment.get(name), enter=self._enter(name))
        self.bench.stack.callback(made.kill)
        self.bench.processes.append(made)
        self.now[name] = made
        self.all.append(made)
        return made

    def _places(self, name):
        """Over loopback: who listens (for names after its own) tells the others where."""
        if not self.loopback:
            return []
        words = ["--listen", "tcp://127.0.0.1:0", "--address-file", self._address_file(name)]
        for peer in self.names[self.names.index(name) + 1:]:
            words += ["--peer", f"{peer}={self.address_of(peer)}"]
        return words

    def _address_file(self, name):
        return str(self.bench.folder / f"{name}.address")

    def address_of(self, name):
        """Where a host listens, over loopback: "tcp://127.0.0.1:port"."""
        self.wait_for(lambda: pathlib.Path(self._address_file(name)).exists(), f"{name} listens")
        return pathlib.Path(self._address_file(name)).read_text(encoding="utf-8").strip()

    def ports_of(self, name):
        """All TCP ports at which a host listens."""
        pid = self.now[name].pid()
        mine = set()
        for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                mine.add(os.readlink(fd))
            except OSError:
                pass
        lines = pathlib.Path(f"/proc/{pid}/net/tcp").read_text(encoding="utf-8").splitlines()[1:]
        rows = [line.split() for line in lines]
        return sorted(int(r[1].rpartition(":")[2], 16) for r in rows
                      if r[3] == "0A" and f"socket:[{r[9]}]" in mine)

    def _enter(self, name):
        steps = [s for s in (self.network and self.network.enter(name), self.enter.get(name)) if s]
        return lambda: [step() for step in steps]

    def start_all(self):
        for name in reversed(self.names):  # over loopback those that connect come last
            self.start(name)
        self.wait_for_flows()
        return self

    def poll(self):
        for process in self.now.values():
            process._poll()

    def wait_for(self, condition, words, limit_s=120):
        """Until `condition()`; a host that ends meanwhile is a failure."""
        end_s = time.monotonic() + limit_s
        while True:
            self.poll()
            if condition():
                return
            for name, process in self.now.items():
                if process.exit_code is not None:
                    raise Failure(f"{words}: {name} ended instead\n{process.last_lines()}")
            if time.monotonic() > end_s:
                raise Failure(f"{words}: not so after {limit_s} s\n{self.told()}")
            time.sleep(0.005)

    def kept_graphs(self):
        """What each keeps as `revision()`, as soon as all keep one graph: who does not lead writes it
        down in its own time. After two minutes whatever they keep."""
        kept, end_s = {}, time.monotonic() + 120

        def are_one():
            kept.update({name: self.now[name].revision() for name in self.names})
            return len({graph for _, graph in kept.values()}) == 1 or time.monotonic() > end_s

        self.wait_for(are_one, "one graph is kept", 150)
        return kept

    def run_for(self, seconds):
        """Lets time pass and reads what the hosts tell."""
        end_s = time.monotonic() + seconds
        self.wait_for(lambda: time.monotonic() >= end_s, "time passes", seconds + 120)

    def stop(self, by="left"):
        """SIGINT to one of them: all end in order."""
        self.now[by].signal(signal.SIGINT)
        for name in self.names:
            process = self.now[name].wait()
            check(process.exit_code == 0,
                  f"{name} ends in order, not with {process.exit_code}\n{process.last_lines()}")

    def told(self):
        return "\n".join(f"-- {name}\n{p.last_lines()}" for name, p in self.now.items())

    def lost(self, name, by, since):
        """The first time that `by` said that `name` is lost, from its event number `since` on."""
        return next(iter(self.now[by].heard("host_lost", name, since)), None)

    def marks(self):
        """How many events each has told: where to look on from."""
        self.poll()
        return {name: len(p.events) for name, p in self.now.items()}

    def wait_lost(self, pairs, marks, cause_s, limit_s=120):
        """Waits until each (by, name) says that it lost the other; returns the worst time [ms]."""
        self.wait_for(lambda: all(self.lost(name, by, marks[by]) for by, name in pairs),
                      "noticed: " + ", ".join(f"{by} loses {name}" for by, name in pairs), limit_s)
        return max(self.lost(name, by, marks[by])["seen_s"] - cause_s for by, name in pairs) * 1000

    # -- what was written down

    def ledger(self, actor):
        """All lines of an actor's ledger so far, over all lives: [(life, number, monotonic_s)]."""
        if actor not in self._ledgers:
            found = [name for name in self.names
                     if (self.bench.folder / name / f"{actor}.ledger").exists()]
            if not found:
                return []
            path = self.bench.folder / found[0] / f"{actor}.ledger"
            self._ledgers[actor] = [open(path, "rb"), self.clock_ahead_s.get(found[0], 0), [], b""]
            self.bench.stack.callback(self._ledgers[actor][0].close)
        book = self._ledgers[actor]
        file, ahead_s, entries, torn = book
        # Goes on where it ended; of a line that crosses a page, half may be seen first.
        whole, _, book[3] = (torn + file.read()).rpartition(b"\n")
        for line in whole.splitlines():
            life, number, at_ns = line.split()
            entries.append((int(life), int(number), int(at_ns) / 1e9 - ahead_s))
        return entries

    def ledgers(self):
        return re.findall(r"^  (\w+): +\{component: faulty\.ledger", self.graph.read_text(), re.M)

    def said_last(self, actor):
        """A pulse's own count, written when it closed: {"life", "sent"}."""
        for name in self.names:
            path = self.bench.folder / name / f"{actor}.json"
            if path.exists():
                return json.loads(path.read_text(encoding="utf-8"))
        raise Failure(f"{actor} closed in order")

    def flowing_since(self, since_s, actors=None):
        """When the last of the ledgers got its first packet after `since_s`; None: not all yet."""
        firsts = []
        for actor in actors or self.ledgers():
            entries = self.ledger(actor)
            place = bisect.bisect_right(entries, since_s, key=lambda entry: entry[2])
            if place == len(entries):
                return None
            firsts.append(entries[place][2])
        return max(firsts)

    def wait_for_flows(self, since_s=0.0, actors=None, limit_s=120):
        """Until every ledger grows; returns how long after `since_s` the last one did [ms]."""
        self.wait_for(lambda: self.flowing_since(since_s, actors) is not None, "all flows", limit_s)
        for process in self.now.values():
            if process.calm_mib is None:
                process.calm_mib = process.rss_mib()[0]
        return (self.flowing_since(since_s, actors) - since_s) * 1000

    def start_again(self, name):
        """The same command once more. Returns (from the start to its first word: loading libraries
        and the graph; from there until all flows go on) [ms]."""
        started_s = time.monotonic()
        process = self.start(name)
        flows_ms = self.wait_for_flows(started_s)
        first_ms = (process.events[0]["seen_s"] - started_s) * 1000
        return first_ms, flows_ms - first_ms
