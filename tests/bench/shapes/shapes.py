#!/usr/bin/env python3
"""Shapes of the interaction model beside each other: the same data, the same steps, three seeds each.

    python3 tests/bench/shapes/shapes.py build/hocket --out out/shapes            # a day; goes on where it was stopped
    python3 tests/bench/shapes/shapes.py build/hocket --out out/shapes_small --small   # hours: small models, few steps
    python3 tests/bench/shapes/shapes.py build/hocket --out out/shapes_small --small --so-far    # what is done of it
    python3 tests/bench/shapes/shapes.py build/hocket --out out/shapes_quick --quick   # whether it runs: minutes

For every shape and seed: `hocket train` of base.yaml with that shape's `model`, `hocket eval closed-loop --rich` (held
out, free-running), `hocket bench session`. Prints `shape.<variant>.<recall|precision|p99_ms|mib>` with 95 % intervals
over the seeds (Student's t), and the differences of recall to `dense`, paired by seed. What is done is not done again:
each run leaves result.json in its folder, a training that was stopped goes on from its checkpoint, and a folder made
with another recipe or program is refused. Several of these may share a folder if each has shapes of its own (`--only`);
each prints those alone, `--so-far` the whole table.
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
# What differs. `inkling` is layers of the published models (engine/interaction/README.md); all but `dense` have them,
# and one part more than `convolved`.
SHAPES = {
    "dense": {},  # as the released models are
    "convolved": dict(backbone="inkling"),  # a row's own bias by distance, short convolutions
    "gated": dict(backbone="inkling", gates="with"),  # and gated output, sinks
    "residual": dict(backbone="inkling", residuals="with"),  # and attention residuals
    "looped": dict(backbone="inkling", residuals="with", loop_passes=3),  # these, and the middle layers three times
    "experts": dict(backbone="inkling", experts=8, chosen=2),  # eight, of which two are as wide as the dense layer
}
# Tables of other sizes: what differs from SIZES and base.yaml.
QUICK = dict(model=dict(width=64, layers=6, heads=2, feed_forward=96, flow_width=48, flow_blocks=1),
             training=dict(steps=4, warmup_steps=2, decay_steps=1, batch=2, log_every=1))
SMALL = dict(model=dict(width=96, layers=6, heads=3, feed_forward=256, window=165, flow_width=48, flow_blocks=1),
             training=dict(seconds=4, families="[smalltalk]", steps=240, warmup_steps=20, decay_steps=120, workers=1,
                           matrix_rate=0.02, rate=0.004, flow_frames=8, eval_conversations=1),
             heard=["--family", "smalltalk", "--seconds", "4"])
KEYS = ("recall", "precision", "p50_ms", "p99_ms", "cpu_p50_ms", "cpu_p99_ms", "mib", "weights_mib")
T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # of the mean of so many, two-sided


def table_of(o):
    return QUICK if o.quick else SMALL if o.small else {}


def recipe(o, shape, seed, folder):
    """A training file as text."""
    other = table_of(o)
    changed = dict(other.get("training", {}), **({"steps": o.steps} if o.steps else {}))
    lines = []
    for line in open(os.path.join(HERE, "base.yaml")).read().split("\n"):
        key = line.split(":")[0]
        lines.append(f"{key}: {changed.pop(key)}" if key in changed else line)
    lines = "\n".join(lines + [f"{key}: {value}" for key, value in changed.items()])
    sizes = dict(SIZES, **SHAPES[shape])
    sizes.update(other.get("model", {}))
    if "chosen" in sizes:
        sizes["feed_forward"] //= sizes["chosen"]
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
    """The figures of one shape and seed; made where they are not there. None: `--so-far`, and they are not."""
    folder = os.path.join(os.path.abspath(o.out), f"{shape}.{seed}")
    if not o.so_far:
        os.makedirs(folder, exist_ok=True)
    result, file = os.path.join(folder, "result.json"), os.path.join(folder, "recipe.yaml")
    text = recipe(o, shape, seed, folder)
    if os.path.exists(file) and open(file).read() != text:
        raise SystemExit(f"{folder} was made with another recipe; choose another --out, or remove it")
    if not o.so_far:
        keep(file, text)
    measured = {"conversations": o.conversations, "micro_turns": o.micro_turns}
    if os.path.exists(result):
        done = json.load(open(result))
        if done["measured"] == measured:
            return done
    if o.so_far:
        return None
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
                     str(o.conversations), "--json"] + table_of(o).get("heard", []))
    timed = said_by([o.hocket, "bench", "session", "--model", model, "--micro-turns", str(o.micro_turns), "--sessions",
                     "1", "--json"])
    done = {"measured": measured, "recall": heard["closed_loop.recall"], "precision": heard["closed_loop.precision"],
            "p50_ms": timed["session.micro_turn.p50_ms"], "p99_ms": timed["session.micro_turn.p99_ms"],
            "cpu_p50_ms": timed["session.micro_turn.cpu_p50_ms"],
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
    """Figures by name: [mean, half width or None, seeds]. `results`: by shape, figures by seed."""
    out = {}

    def add(name, values):
        if values:
            out[f"shape.{name}"] = [*interval(values), len(values)]

    for shape, seeds in results.items():
        for key in KEYS:
            add(f"{shape}.{key}", [s[key] for s in seeds.values()])
        for other in ("dense", "convolved"):
            beside = results.get(other, {}) if shape != other else {}
            add(f"{shape}.recall_over_{other}",
                [seeds[s]["recall"] - beside[s]["recall"] for s in seeds if s in beside])
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
    how = p.add_mutually_exclusive_group()
    how.add_argument("--small", action="store_true", help="small models, one family, few steps")
    how.add_argument("--quick", action="store_true", help="tiny models, four steps, two seeds: whether it runs")
    p.add_argument("--so-far", action="store_true", help="the table of what is done; runs nothing")
    o = p.parse_args()
    if o.quick:
        o.seeds, o.conversations, o.micro_turns = 2, 2, 30
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads wait for each other in a circle: half the time
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # or what it runs would go on alone
    same_program(o)
    results = {}
    for seed in range(1, o.seeds + 1):  # every shape once before any twice: a table as early as can be
        for shape in o.only:
            if not o.so_far:
                print(f"{shape}, seed {seed}", file=sys.stderr, flush=True)
            done = one(o, shape, seed)
            if done:
                results.setdefault(shape, {})[seed] = done
    figures = table(results)
    keep(os.path.join(o.out, "table.json"), json.dumps(figures, indent=1))
    for name, (mean, half, seeds) in figures.items():
        print(f"{name:36} {mean:10.4g}" + (f" +- {half:.2g}" if half is not None else "") +
              (f" of {seeds}" if seeds < o.seeds else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
