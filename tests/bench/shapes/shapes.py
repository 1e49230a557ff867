#!/usr/bin/env python3
"""Shapes of the interaction model beside each other: the same data, the same steps, three seeds each.

    python3 tests/bench/shapes/shapes.py build/hocket --out out/shapes            # hours; goes on where it was stopped
    python3 tests/bench/shapes/shapes.py build/hocket --out out/shapes_quick --quick   # whether it runs: minutes

For every shape and seed: `hocket train` of base.yaml with that shape's `model`, `hocket eval closed-loop --rich` (held
out, free-running), `hocket bench session`. Prints `shape.<variant>.<recall|precision|p99_ms|mib>` with 95 % intervals
over the seeds (Student's t), and the differences of recall to `dense`, paired by seed. What is done is not done again:
each run leaves result.json in its folder, a training that was stopped goes on from its checkpoint, and a folder made
with another recipe or program is refused.
"""

import argparse
import hashlib
import json
import math
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = dict(width=256, layers=6, heads=4, feed_forward=640, window=300, audio_context=3, flow_width=384, flow_blocks=3)
# What differs. `inkling` and `inkling2` are layers of the published models (engine/interaction/README.md).
SHAPES = {
    "dense": {},  # as the released models are
    "convolved": dict(backbone="inkling"),  # a row's own bias by distance, short convolutions
    "residual": dict(backbone="inkling2"),  # and attention residuals, gated output, sinks
    "looped": dict(backbone="inkling2", loop_passes=3),  # and its middle layers three times
    # Eight experts, of which two are as wide as the dense layer.
    "experts": dict(backbone="inkling", experts=8, chosen=2, feed_forward=320),
}
QUICK = dict(width=64, layers=6, heads=2, feed_forward=96, flow_width=48, flow_blocks=1)
T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # of the mean of so many, two-sided


def recipe(o, shape, seed, folder):
    """A training file as text."""
    lines = open(os.path.join(HERE, "base.yaml")).read()
    if o.quick:
        for key, value in (("steps", 4), ("warmup_steps", 2), ("decay_steps", 1), ("batch", 2), ("log_every", 1)):
            lines = "\n".join(f"{key}: {value}" if line.startswith(key + ":") else line for line in lines.split("\n"))
    elif o.steps:
        lines = "\n".join(f"steps: {o.steps}" if line.startswith("steps:") else line for line in lines.split("\n"))
    sizes = dict(SIZES, **SHAPES[shape])
    if o.quick:
        sizes.update(QUICK, **({"feed_forward": 48} if shape == "experts" else {}))
    model = "".join(f"  {key}: {value}\n" for key, value in sizes.items())
    return f"{lines}\nout: {json.dumps(folder)}\nseed: {seed}\nmodel:\n{model}"


def said_by(words):
    """The JSON that a command prints; a missed goal is an exit code of its own, and the figures are wanted anyway."""
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True)
    try:
        said = json.loads(done.stdout)
    except ValueError:
        raise SystemExit(f"`{' '.join(words)}` ended with {done.returncode} and no figures")
    return {m["name"]: m["value"] for m in said["measures"]}


def keep(path, text):
    """Whole or not at all: who stops this at any moment finds the folder in order."""
    with open(path + ".new", "w") as f:
        f.write(text)
    os.replace(path + ".new", path)


def steps_done(log):
    """(step, of how many) that a training told last; what a kill cut off is left out."""
    last = (0, 0)
    for line in open(log, errors="replace"):
        try:
            said = json.loads(line)
            last = said["step"], said["steps"]
        except (ValueError, TypeError, KeyError):
            pass
    return last


def one(o, shape, seed):
    """The figures of one shape and seed; made where they are not there."""
    folder = os.path.join(os.path.abspath(o.out), f"{shape}.{seed}")
    os.makedirs(folder, exist_ok=True)
    result, file = os.path.join(folder, "result.json"), os.path.join(folder, "recipe.yaml")
    text = recipe(o, shape, seed, folder)
    if os.path.exists(file) and open(file).read() != text:
        raise SystemExit(f"{folder} was made with another recipe; choose another --out, or remove it")
    keep(file, text)
    measured = {"conversations": o.conversations, "micro_turns": o.micro_turns}
    if os.path.exists(result):
        done = json.load(open(result))
        if done["measured"] == measured:
            return done
    trained = os.path.join(folder, "trained")  # written when the training has come to its end
    if not os.path.exists(trained):
        begun = os.path.exists(os.path.join(folder, "checkpoint.safetensors"))
        words = [o.hocket, "train", file, "--json"] + ["--resume"] * begun
        with open(os.path.join(folder, "train.log"), "a") as log:
            if subprocess.run(words, stdout=log).returncode:
                raise SystemExit(f"`{' '.join(words)}` failed; {log.name} has what it said")
        done, wanted = steps_done(log.name)  # who is told to stop ends in order, too
        if not 0 < done == wanted:
            raise SystemExit(f"`{' '.join(words)}` was stopped at step {done} of {wanted}; start this again to go on")
        open(trained, "w").close()
    model = os.path.join(folder, "model")
    heard = said_by([o.hocket, "eval", "closed-loop", "--model", model, "--rich", "--conversations",
                     str(o.conversations), "--json"])
    timed = said_by([o.hocket, "bench", "session", "--model", model, "--micro-turns", str(o.micro_turns), "--sessions",
                     "1", "--json"])
    done = {"measured": measured, "recall": heard["closed_loop.recall"], "precision": heard["closed_loop.precision"],
            "p50_ms": timed["session.micro_turn.p50_ms"], "p99_ms": timed["session.micro_turn.p99_ms"],
            "cpu_p99_ms": timed["session.micro_turn.cpu_p99_ms"], "mib": timed["session.rss_end_mib"],
            "weights_mib": os.path.getsize(os.path.join(model, "model.safetensors")) / 2**20}
    keep(result, json.dumps(done, indent=1))
    return done


def interval(values):
    """Mean, and the half width of its 95 % interval; none of fewer than two."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, None
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
    return mean, T95[len(values)] * deviation / math.sqrt(len(values))


def table(results):
    """Figures by name: [mean, half width or None]. `results`: by shape, a list by seed."""
    out = {}
    for shape, seeds in results.items():
        for key in ("recall", "precision", "p50_ms", "p99_ms", "cpu_p99_ms", "mib", "weights_mib"):
            out[f"shape.{shape}.{key}"] = interval([s[key] for s in seeds])
        dense = results.get("dense")
        if dense and shape != "dense":
            out[f"shape.{shape}.recall_over_dense"] = interval([a["recall"] - b["recall"]
                                                                for a, b in zip(seeds, dense)])
    return out


def same_program(o):
    """Refuses figures of two programs in one table."""
    digest = hashlib.sha256(open(o.hocket, "rb").read()).hexdigest()
    path = os.path.join(o.out, "program")
    os.makedirs(o.out, exist_ok=True)
    if os.path.exists(path) and open(path).read() != digest:
        raise SystemExit(f"{o.out} was begun with another build of {o.hocket}; choose another --out")
    keep(path, digest)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("hocket", help="the program")
    p.add_argument("--out", default="out/shapes", help="folder of the runs and the table")
    p.add_argument("--only", nargs="*", choices=list(SHAPES), default=list(SHAPES), help="these shapes")
    p.add_argument("--seeds", type=int, choices=[1, *T95], default=3)
    p.add_argument("--steps", type=int, default=0, help="in place of base.yaml's")
    p.add_argument("--conversations", type=int, default=200, help="held out, of each run")
    p.add_argument("--micro-turns", type=int, default=3000, help="timed, of each run")
    p.add_argument("--quick", action="store_true", help="tiny models, four steps, two seeds: whether it runs")
    o = p.parse_args()
    if o.quick:
        o.seeds, o.conversations, o.micro_turns = 2, 2, 30
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # or what it runs would go on alone
    same_program(o)
    results = {}
    for seed in range(1, o.seeds + 1):  # every shape once before any twice: a table as early as can be
        for shape in o.only:
            print(f"{shape}, seed {seed}", file=sys.stderr, flush=True)
            results.setdefault(shape, []).append(one(o, shape, seed))
    figures = table(results)
    keep(os.path.join(o.out, "table.json"), json.dumps(figures, indent=1))
    for name, (mean, half) in figures.items():
        print(f"{name:36} {mean:10.4g}" + (f" +- {half:.2g}" if half is not None else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
