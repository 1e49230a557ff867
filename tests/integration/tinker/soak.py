#!/usr/bin/env python3
"""Tenants train at a server of the Tinker API while it and they are killed, its disk fills up, connections break
and others read slowly. Nothing that was acknowledged may be lost, nothing be applied twice:
each tenant's weights after a number of steps are, bit for bit, those of a run without any fault, which follows and
takes --compare-minutes at most; how far it came is told.

Every second round spares the server, so that it lives: its memory may grow by GROWS_MIB from a round's first third to
its end, and by no more beyond that of the run without faults. Who reads slowly holds nobody: a question of an outsider is
answered within ANSWERED_S all the time. At the end nothing is left: no sessions, threads and descriptors of who is
gone, no drafts in the server's folder.

    python3 tests/integration/tinker/soak.py build/hocket --minutes 30
"""

import argparse
import http.client
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from soak_tenant import fail, read, tenant, write

ROUNDS = 6
PROBES = 200
GROWS_MIB = 64
ANSWERED_S = 60
READERS = 10
STAYS = 8  # threads and descriptors beyond those of the start: what is made when it is first needed, and kept
LARGE = 8 << 20  # bytes of the file that slow readers ask for: sockets hold less than that


class server:
    def __init__(self, hocket, folder, out):
        self.process = subprocess.Popen(
            [hocket, "serve", "tinker", os.path.join(folder, "model"), "--name", "soak/model", "--listen", "tcp://127.0.0.1:0",
             "--out", out, "--json"], stdout=subprocess.PIPE, stderr=open(os.path.join(folder, "server.log"), "a"), text=True,
            env=dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"))
        line = self.process.stdout.readline()
        try:
            self.port = int(json.loads(line)["url"].rsplit(":", 1)[1])
        except ValueError:
            fail("the server does not start: " + line + open(os.path.join(folder, "server.log")).read()[-500:])
        write(os.path.join(folder, "url"), self.port)
        self.begun = self.held()

    def rss_mib(self):
        try:
            with open(f"/proc/{self.process.pid}/statm") as f:
                return int(f.read().split()[1]) * resource.getpagesize() / 2**20
        except OSError:
            return 0

    def held(self):
        """Its threads and descriptors."""
        return [len(os.listdir(f"/proc/{self.process.pid}/{what}")) for what in ("task", "fd")]

    def end(self, how):
        self.process.send_signal(how)
        code = self.process.wait(timeout=300)
        self.process.stdout.close()
        return code


def start_tenant(folder, number):
    return subprocess.Popen([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "soak_tenant.py"),
                             folder, str(number)])


class outsiders:
    """Slow readers, who ask for a large file and take a few bytes of it at a time, and one who asks little and wants
    its answer."""

    def __init__(self, folder):
        self.folder, self.stop, self.mutex = folder, threading.Event(), threading.Lock()
        self.held_back, self.waited, self.problem = 0, [], None
        self.alive = None  # the server, while it is not about to be killed
        self.threads = [threading.Thread(target=self.read_slowly) for _ in range(READERS)]
        self.threads.append(threading.Thread(target=self.ask))
        for t in self.threads:
            t.start()

    def read_slowly(self):
        while not self.stop.is_set():
            try:
                s = socket.create_connection(("127.0.0.1", read(os.path.join(self.folder, "url"))), timeout=5)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                s.sendall(b"GET /soak/model/resolve/main/tokenizer.json HTTP/1.1\r\nHost: x\r\n\r\n")
                for n in range(100):
                    if self.stop.wait(0.2) or not s.recv(16):
                        break
                    if n == 10:
                        with self.mutex:
                            self.held_back += 1
                s.close()
            except (OSError, TypeError):
                self.stop.wait(0.2)

    def ask(self):
        while not self.stop.wait(0.1):
            whom, begun = self.alive, time.monotonic()
            try:
                c = http.client.HTTPConnection("127.0.0.1", whom.port, timeout=ANSWERED_S)
                c.request("GET", "/api/v1/get_server_capabilities", headers={"X-API-Key": "tml-soak-outsider"})
                c.getresponse().read()
                c.close()
                self.waited.append(time.monotonic() - begun)
            except (OSError, http.client.HTTPException, AttributeError) as e:
                if whom is not None and whom is self.alive:
                    self.problem = f"an outsider was not answered after {time.monotonic() - begun:.1f} s: {e!r}"

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join()


class disk:
    """The server's folder: on a small file system where one may be mounted, else its files are bounded in size."""

    def __init__(self, folder):
        self.out = os.path.join(folder, "out")
        os.mkdir(self.out)
        self.mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", self.out], capture_output=True).returncode == 0

    def fill(self, pid):
        if not self.mounted:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
            return
        try:
            with open(os.path.join(self.out, "filler"), "wb", buffering=0) as f:
                for size in (1 << 20, 4096, 1):
                    try:
                        while f.write(bytes(size)) == size:
                            pass
                    except OSError:
                        pass
        except OSError:
            pass

    def free(self, pid):
        if not self.mounted:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        elif os.path.exists(os.path.join(self.out, "filler")):
            os.remove(os.path.join(self.out, "filler"))

    def left(self):
        """What lies there: checkpoints, data of none, and drafts."""
        names = [os.path.join(at, n) for part in ("checkpoints", "runs")
                 for at, _, files in os.walk(os.path.join(self.out, part)) for n in files]
        data = [n[:-5] for n in names if n.endswith(".data")]
        whole = [n for n in data if n + ".json" in names]
        drafts = [n for n in names if not n.endswith((".data", ".json"))]
        return dict(checkpoints=len(whole), data_alone=len(data) - len(whole), drafts=len(drafts))

    def remove(self):
        if self.mounted:
            subprocess.run(["umount", "-l", self.out], check=False)


class soak:
    def __init__(self, o, folder):
        self.o, self.folder, self.rng, self.tenants, self.mib = o, folder, random.Random(o.seed), {}, []
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
        import tiny_model
        tiny_model.write(os.path.join(folder, "model"))
        with open(os.path.join(folder, "model", "tokenizer.json"), "a") as f:
            f.write(" " * LARGE)
        self.disk = disk(folder)
        self.happened = dict(server_kills=0, tenant_kills=0, full_disks=0,
                             disk="tmpfs" if self.disk.mounted else "limit of files")
        self.s = server(o.hocket, folder, self.disk.out)
        self.outsiders = outsiders(folder)
        self.outsiders.alive = self.s
        self.tenants = {n: start_tenant(folder, n) for n in range(o.tenants)}

    def check(self):
        for n, t in self.tenants.items():
            if t.poll() not in (None, -signal.SIGKILL):
                fail(f"tenant {n} ended with {t.returncode}")
        self.check_server()

    def check_server(self):
        if self.outsiders.problem:
            fail(self.outsiders.problem)
        if self.s.process.poll() is not None:
            fail(f"the server ended with {self.s.process.returncode}")

    def do(self, what):
        if what == "server":
            self.happened["server_kills"] += 1
            self.outsiders.alive = None
            self.s.end(signal.SIGKILL)
            self.s = server(self.o.hocket, self.folder, self.disk.out)
            self.outsiders.alive = self.s
        elif what == "tenant":
            self.happened["tenant_kills"] += 1
            n = self.rng.randrange(self.o.tenants)
            self.tenants[n].kill()
            self.tenants[n].wait()
            self.tenants[n] = start_tenant(self.folder, n)
        else:
            self.happened["full_disks"] += 1
            self.disk.fill(self.s.process.pid)
            time.sleep(self.rng.uniform(0.2, 2))
            self.disk.free(self.s.process.pid)

    def round(self, number, seconds):
        """One in which the server is killed, or one that it lives through; the memory that it had."""
        spared = number % 2 == 1
        begun, seen = time.monotonic(), []
        while time.monotonic() < begun + seconds:
            time.sleep(self.rng.uniform(0.5, 4))
            self.check()
            seen.append((time.monotonic() - begun, self.s.rss_mib()))
            self.do(self.rng.choice(["tenant", "disk"] if spared else ["server", "tenant", "disk"]))
        most = max(mib for _, mib in seen)
        early = max([mib for at, mib in seen if at < seconds / 3] or [seen[0][1]])
        self.mib.append(round(most))
        if spared and most > early + GROWS_MIB:
            fail(f"the server's memory grew from {early:.0f} to {most:.0f} MiB in round {number + 1}")

    def end_tenants(self):
        open(os.path.join(self.folder, "stop"), "w").close()
        for n, t in self.tenants.items():
            if t.wait(timeout=300) != 0:
                fail(f"tenant {n} ended with {t.returncode}")

    def leaves_nothing(self):
        """All are gone, and the server soon holds what it held when it began."""
        last = time.monotonic() + 120
        while any(now > begun + STAYS for now, begun in zip(self.s.held(), self.s.begun)):
            if time.monotonic() > last:
                fail(f"threads and descriptors {self.s.held()} are left; it began with {self.s.begun}")
            time.sleep(0.2)
        for n in range(self.o.tenants):
            c = http.client.HTTPConnection("127.0.0.1", self.s.port, timeout=ANSWERED_S)
            c.request("GET", "/api/v1/auth/apikey/me", headers={"X-API-Key": f"tml-soak-{n}"})
            used = json.loads(c.getresponse().read())["quotas"]
            if used["models"]["used"]:
                fail(f"{used['models']['used']} models of tenant {n} are left")
        if self.s.end(signal.SIGTERM) != 0:
            fail("the server did not end in order")
        # One that is started looks through the folder.
        self.s = server(self.o.hocket, self.folder, self.disk.out)
        if self.s.end(signal.SIGTERM) != 0:
            fail("the server did not end in order")
        self.happened["left"] = self.disk.left()
        if self.happened["left"]["drafts"]:
            fail(f"drafts of writers that were killed are left: {self.happened['left']}")

    def run(self):
        try:
            for i in range(ROUNDS):
                self.round(i, self.o.minutes * 60 / ROUNDS)
            self.end_tenants()
            self.outsiders.end()
            self.check_server()
            self.leaves_nothing()
        finally:
            self.outsiders.end()
            for t in self.tenants.values():
                if t.poll() is None:
                    t.kill()
                    t.wait()
            if self.s.process.poll() is None:
                self.s.end(signal.SIGKILL)
            self.disk.remove()
        self.tell(*compare(self.o, self.folder))

    def tell(self, compared, calm_mib):
        states = [read(os.path.join(self.folder, f"tenant{n}.json"), {}) for n in range(self.o.tenants)]
        waited = sorted(self.outsiders.waited)
        self.happened.update(
            compared=compared, round_mib=self.mib, calm_mib=round(calm_mib), steps=[x.get("steps", 0) for x in states],
            saves_refused=sum(x.get("refused", 0) for x in states),
            requests_repeated=sum(x.get("repeated", 0) for x in states), slow_readers=self.outsiders.held_back,
            outsider_p50_ms=round(1e3 * waited[len(waited) // 2], 1), outsider_most_ms=round(1e3 * waited[-1], 1))
        print(json.dumps(self.happened))
        if max(self.mib) > calm_mib + GROWS_MIB + READERS * LARGE / 2**20:
            fail(f"the server took {max(self.mib)} MiB; one that nothing happens to {calm_mib:.0f}, and what slow "
                 f"readers wait for is {READERS * LARGE >> 20}")
        if self.o.minutes >= 1 and not (compared["probes"] and self.outsiders.held_back):
            fail("nothing was saved, so nothing was compared, or nobody read slowly")


def compare(o, folder):
    """The same steps at a server that nothing happens to, all tenants at once. Weights after a step hold all steps
    before it, so some of the probes say what all do: PROBES of each tenant by the seed, and its last. What was compared,
    and the memory that the server took."""
    os.remove(os.path.join(folder, "stop"))
    s = server(o.hocket, folder, os.path.join(folder, "calm"))
    begun, rng, compared, problems = time.monotonic(), random.Random(o.seed), dict(probes=0, steps=0, of_steps=0), []
    mutex = threading.Lock()

    def one(number, seen, wanted):
        try:
            got = tenant(folder, number, 0, "calm").replay(wanted, begun + 60 * o.compare_minutes)
            wrong = [steps for steps, probe in got.items() if seen[steps] != probe]
            if wrong:
                raise RuntimeError(f"after {wrong[0]} steps its weights are not those of a run without faults")
            with mutex:
                compared["probes"] += len(got)
                compared["steps"] += max(got, default=0)
        except BaseException as e:  # also fail() of a tenant
            problems.append(f"tenant {number}: {e!r}")

    try:
        threads = []
        for n in range(o.tenants):
            seen = tenant(folder, n).probes()
            compared["of_steps"] += max(seen, default=0)
            wanted = set(rng.sample(sorted(seen), min(PROBES, len(seen))) + [max(seen)] if seen else [])
            threads.append(threading.Thread(target=one, args=(n, seen, wanted)))
            threads[-1].start()
        for t in threads:
            t.join()
        if problems:
            fail("; ".join(problems))
        return dict(compared, seconds=round(time.monotonic() - begun)), s.rss_mib()
    finally:
        s.end(signal.SIGTERM)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("hocket", nargs="?", default="build/hocket")
    p.add_argument("--minutes", type=float, default=30)
    p.add_argument("--compare-minutes", type=float, default=15, help="the comparison ends by then, as far as it is")
    p.add_argument("--tenants", type=int, default=4)
    p.add_argument("--seed", type=int, default=1)
    o = p.parse_args()
    o.hocket = os.path.abspath(o.hocket)
    folder = tempfile.mkdtemp(prefix="hocket-soak-")
    try:
        soak(o, folder).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
