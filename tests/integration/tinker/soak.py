#!/usr/bin/env python3
"""Tenants train at a server of the Tinker API while it and they are killed, its disk fills up, connections break
and others read slowly. Nothing that was acknowledged may be lost, nothing be applied twice:
each tenant's weights after a number of steps are, bit for bit, those of a run without any fault.

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

EVERY = 3  # steps between two saves


def fail(text):
    print("FAILED: " + text, flush=True)
    raise SystemExit(1)


def write(path, value):
    with open(path + ".new", "w") as f:
        json.dump(value, f)
        f.flush()
        os.fsync(f.fileno())
    os.replace(path + ".new", path)


def read(path, otherwise=None):
    try:
        with open(path) as f:
            return json.load(f)
    except (OSError, ValueError):
        return otherwise


# ---- a tenant, as a process of its own


class gone(Exception):
    """The server does not know the model any more: it was started again."""


class tenant:
    def __init__(self, folder, number, breaks=0.2):
        self.folder, self.number, self.breaks = folder, number, breaks
        self.state_file = os.path.join(folder, f"tenant{number}.json")
        self.state = read(self.state_file, {"path": None, "steps": 0, "probes": {}, "refused": 0, "repeated": 0})
        self.rng = random.Random()

    def is_over(self):
        return os.path.exists(os.path.join(self.folder, "stop"))

    def send(self, path, body):
        """One request, over a connection that may break before its answer is there. None: ask again."""
        url = read(os.path.join(self.folder, "url"))
        try:
            c = http.client.HTTPConnection("127.0.0.1", url, timeout=120)
            c.request("POST", "/api/v1/" + path, json.dumps(body),
                      {"X-API-Key": f"tml-soak-{self.number}", "Content-Type": "application/json"})
            if self.rng.random() < self.breaks:
                c.close()
                self.state["repeated"] += 1
                return None
            r = c.getresponse()
            data = r.read()
            c.close()
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
            return None
        if b"checkpoint not found" in data:
            fail(f"tenant {self.number}: an acknowledged checkpoint is lost: {self.state['path']}")
        if r.status in (403, 404, 410):
            raise gone(f"{path}: {r.status} {data[:200]!r}")
        if r.status in (429, 507) or r.status >= 500:
            time.sleep(0.1)
            return None
        if r.status != 200:
            fail(f"tenant {self.number}: {path}: {r.status} {data[:300]!r}")
        return json.loads(data)

    def ask(self, path, body, ends=False):
        while True:
            answer = self.send(path, body)
            if answer is not None:
                return answer
            if ends and self.is_over():
                raise SystemExit(0)

    def do(self, path, body):
        request = self.ask(path, body, True)["request_id"]
        while True:
            answer = self.ask("retrieve_future", {"request_id": request}, True)
            if answer.get("type") != "try_again":
                return answer

    def operation(self, path, /, **body):
        self.number_of_operation += 1
        return self.do(path, dict(body, model_id=self.model, seq_id=self.number_of_operation))

    def data(self, step):
        rng = random.Random(f"{self.number} {step}")
        out = []
        for _ in range(1 + self.number % 3):
            t = [rng.randrange(32, 120) for _ in range(rng.randrange(4, 20))]
            n = len(t) - 1
            out.append({"model_input": {"chunks": [{"type": "encoded_text", "tokens": t[:-1]}]},
                        "loss_fn_inputs": {"target_tokens": {"data": t[1:], "dtype": "int64", "shape": [n]},
                                           "weights": {"data": [1.0] * n, "dtype": "float32", "shape": [n]}}})
        return out

    def begin(self):
        session = self.ask("create_session", {"tags": [], "sdk_version": "0"}, True)["session_id"]
        if self.state["path"]:
            made = self.do("load_weights", {"session_id": session, "model_seq_id": 0, "path": self.state["path"],
                                            "optimizer": True})
        else:
            made = self.do("create_model", {"session_id": session, "model_seq_id": 0, "base_model": "soak/model",
                                            "lora_config": {"rank": 4, "seed": self.number}})
        if made.get("category") == "server":  # the disk has no room for the run's record
            raise gone(str(made))
        if "error" in made:
            fail(f"tenant {self.number}: an acknowledged checkpoint cannot be loaded: {self.state['path']}: {made}")
        self.model, self.number_of_operation = made["model_id"], 0
        return self.state["steps"]

    def probe(self):
        a = self.operation("forward", forward_input={"data": self.data("probe"), "loss_fn": "cross_entropy"})
        return [x for o in a["loss_fn_outputs"] for x in o["logprobs"]["data"]]

    def train(self, last=None):
        steps = self.begin()
        while not self.is_over() and steps != last:
            a = self.operation("forward_backward", forward_backward_input={"data": self.data(steps), "loss_fn": "cross_entropy"})
            if "error" in a:
                fail(f"tenant {self.number}: {a}")
            a = self.operation("optim_step", adam_params={"learning_rate": 1e-3})
            steps += 1
            if a.get("metrics", {}).get("optim/step") != steps:
                fail(f"tenant {self.number}: step {steps} was answered by {a}")
            if steps % EVERY:
                continue
            probe = self.probe()
            before = self.state["probes"].get(str(steps))
            if before not in (None, probe):
                fail(f"tenant {self.number}: other bits after {steps} steps than in an earlier try")
            self.state["probes"][str(steps)] = probe
            a = self.operation("save_weights", path=f"s{steps}", overwrite=True, ttl_seconds=3600)
            if "error" in a:
                self.state["refused"] += 1  # the disk is full: it goes on with what it has
                continue
            self.state["path"], self.state["steps"] = a["path"], steps
            write(self.state_file, self.state)
        write(self.state_file, self.state)

    def live(self):
        while not self.is_over():
            try:
                self.train()
            except gone:
                time.sleep(0.1)


# ---- the server and what happens to it


class server:
    def __init__(self, hocket, folder, out):
        self.process = subprocess.Popen(
            [hocket, "serve", "tinker", os.path.join(folder, "model"), "--name", "soak/model", "--listen", "tcp://127.0.0.1:0",
             "--out", out, "--json"], stdout=subprocess.PIPE, stderr=open(os.path.join(folder, "server.log"), "a"), text=True,
            env=dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"))
        line = self.process.stdout.readline()
        try:
            write(os.path.join(folder, "url"), int(json.loads(line)["url"].rsplit(":", 1)[1]))
        except ValueError:
            fail("the server does not start: " + line + open(os.path.join(folder, "server.log")).read()[-500:])

    def rss_mib(self):
        try:
            with open(f"/proc/{self.process.pid}/statm") as f:
                return int(f.read().split()[1]) * resource.getpagesize() / 2**20
        except OSError:
            return 0

    def end(self, how):
        self.process.send_signal(how)
        code = self.process.wait(timeout=300)
        self.process.stdout.close()
        return code


def start_tenant(folder, number):
    return subprocess.Popen([sys.executable, os.path.abspath(__file__), "--tenant", str(number), "--folder", folder])


def read_slowly(folder, stop):
    """Asks for a large file and takes a few bytes of it at a time."""
    while not stop.is_set():
        try:
            s = socket.create_connection(("127.0.0.1", read(os.path.join(folder, "url"))), timeout=5)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            s.sendall(b"GET /soak/model/resolve/main/tokenizer.json HTTP/1.1\r\nHost: x\r\n\r\n")
            for _ in range(100):
                if stop.wait(0.2) or not s.recv(16):
                    break
            s.close()
        except (OSError, TypeError):
            stop.wait(0.2)


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

    def remove(self):
        if self.mounted:
            subprocess.run(["umount", "-l", self.out], check=False)


def soak(o, folder):
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import tiny_model
    tiny_model.write(os.path.join(folder, "model"))
    d = disk(folder)
    stop = threading.Event()
    happened = dict(server_kills=0, tenant_kills=0, full_disks=0, disk="tmpfs" if d.mounted else "limit of files")
    most_mib = 0.0
    tenants = {}
    try:
        s = server(o.hocket, folder, d.out)
        tenants = {n: start_tenant(folder, n) for n in range(o.tenants)}
        slow = [threading.Thread(target=read_slowly, args=(folder, stop)) for _ in range(10)]
        for t in slow:
            t.start()
        rng, end = random.Random(o.seed), time.monotonic() + o.minutes * 60
        while time.monotonic() < end:
            time.sleep(rng.uniform(0.5, 4))
            most_mib = max(most_mib, s.rss_mib())
            for n, t in tenants.items():
                if t.poll() not in (None, -signal.SIGKILL):
                    fail(f"tenant {n} ended with {t.returncode}")
            if s.process.poll() is not None:
                fail(f"the server ended with {s.process.returncode}")
            what = rng.choice(["server", "tenant", "disk"])
            happened["server_kills" if what == "server" else "tenant_kills" if what == "tenant" else "full_disks"] += 1
            if what == "server":
                s.end(signal.SIGKILL)
                s = server(o.hocket, folder, d.out)
            elif what == "tenant":
                n = rng.randrange(o.tenants)
                tenants[n].kill()
                tenants[n].wait()
                tenants[n] = start_tenant(folder, n)
            else:
                d.fill(s.process.pid)
                time.sleep(rng.uniform(0.2, 2))
                d.free(s.process.pid)
        open(os.path.join(folder, "stop"), "w").close()
        for n, t in tenants.items():
            if t.wait(timeout=300) != 0:
                fail(f"tenant {n} ended with {t.returncode}")
        stop.set()
        for t in slow:
            t.join()
        if s.end(signal.SIGTERM) != 0:
            fail("the server did not end in order")
    finally:
        stop.set()
        for t in tenants.values():
            if t.poll() is None:
                t.kill()
                t.wait()
        if "s" in locals() and s.process.poll() is None:
            s.end(signal.SIGKILL)
        d.remove()
    compared = compare(o, folder)
    states = [read(os.path.join(folder, f"tenant{n}.json"), {}) for n in range(o.tenants)]
    happened.update(compared=compared, most_mib=round(most_mib), steps=[x.get("steps", 0) for x in states],
                    saves_refused=sum(x.get("refused", 0) for x in states),
                    requests_repeated=sum(x.get("repeated", 0) for x in states))
    print(json.dumps(happened))
    if o.minutes >= 1 and not compared:
        fail("nothing was saved, so nothing was compared")


def compare(o, folder):
    """The same steps at a server that nothing happens to."""
    os.remove(os.path.join(folder, "stop"))
    s = server(o.hocket, folder, os.path.join(folder, "calm"))
    count = 0
    try:
        for n in range(o.tenants):
            got = read(os.path.join(folder, f"tenant{n}.json"), {"probes": {}})["probes"]
            if not got:
                continue
            calm = tenant(folder, n, 0)
            calm.state_file = os.path.join(folder, f"calm{n}.json")
            calm.state = {"path": None, "steps": 0, "probes": {}, "refused": 0, "repeated": 0}
            calm.train(max(int(k) for k in got))
            for steps, probe in got.items():
                count += 1
                if calm.state["probes"].get(steps) != probe:
                    fail(f"tenant {n}: after {steps} steps its weights are not those of a run without faults")
    finally:
        s.end(signal.SIGTERM)
    return count


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("hocket", nargs="?", default="build/hocket")
    p.add_argument("--minutes", type=float, default=30)
    p.add_argument("--tenants", type=int, default=4)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--tenant", type=int, help=argparse.SUPPRESS)
    p.add_argument("--folder", help=argparse.SUPPRESS)
    o = p.parse_args()
    if o.tenant is not None:
        return tenant(o.folder, o.tenant).live()
    o.hocket = os.path.abspath(o.hocket)
    folder = tempfile.mkdtemp(prefix="hocket-soak-")
    try:
        soak(o, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
