"""shapes.py without a model: intervals, recipes, and that what is done is not done again. `shapes_test.py FOLDER`.

A program stands in for hocket: it writes down how it was called and prints figures that depend on the shape.
"""

import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
STAND_IN = """#!{python}
import json, os, signal, sys
open({calls!r}, "a").write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1] == "train":
    out = os.path.dirname(sys.argv[2])
    how = open({stop!r}).read() if os.path.exists({stop!r}) else ""
    step = 7 if how == "hang" or how and "--resume" not in sys.argv else 20
    print('{{"step": 3, "st', json.dumps({{"step": step, "steps": 20}}), sep="\\n", flush=True)  # the first was cut off
    if step < 20:
        open(os.path.join(out, "checkpoint.safetensors"), "w").close()
    if how == "hang":
        open({calls!r} + ".pid", "w").write(str(os.getpid()) + "\\n")
        signal.pause()
    if step < 20:
        sys.exit(1 if how == "fails" else 0)  # told to stop, hocket ends in order
    os.makedirs(out + "/model", exist_ok=True)
    open(out + "/model/model.safetensors", "w").write("x" * 1024)
    sys.exit(0)
seed = int(sys.argv[sys.argv.index("--model") + 1].split("/")[-2].split(".")[1])
names = ["closed_loop.recall", "closed_loop.precision", "session.rss_end_mib"]
names += ["session.micro_turn." + n for n in ("p50_ms", "p99_ms", "cpu_p50_ms", "cpu_p99_ms")]
print(json.dumps({{"measures": [{{"name": n, "value": seed}} for n in names]}}))
sys.exit(1 if sys.argv[1] == "bench" else 0)  # a missed goal
"""


def small(run, out, words):
    """Another folder, other sizes, every key once; two processes share it, and what is done is shown on the way."""
    other = out + "_small"
    shutil.rmtree(other, ignore_errors=True)
    words[words.index(out)] = other
    done, said = run("--small", "--so-far")
    assert not said and not done.stdout and sorted(os.listdir(other)) == ["program", "table.json"], (said, done)
    done, said = run("--small", "--only", "dense", "gated", "--seeds", "2")
    heard = [c for c in said if c[0] == "eval"]
    assert len(heard) == 4 and all("--family" in c and "--rich" in c for c in heard), heard
    recipe = open(f"{other}/gated.1/recipe.yaml").read()
    keys = [line.split(":")[0].strip() for line in recipe.split("\n") if line and not line.startswith("#")]
    assert len(keys) == len(set(keys)) and "width: 96" in recipe and "gates: with" in recipe, recipe
    done, said = run("--small", "--so-far")
    assert not said and "shape.gated.recall_over_dense" in done.stdout and " of 2" in done.stdout, (said, done)
    assert "shape.looped" not in done.stdout, done.stdout
    run("--small")
    assert "shape.looped.recall" in run("--small", "--so-far")[0].stdout
    words[words.index(other)] = out


def main():
    folder = os.path.abspath(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    calls, stop, hocket = (os.path.join(folder, name) for name in ("calls", "stop", "hocket"))
    with open(hocket, "w") as f:
        f.write(STAND_IN.format(python=sys.executable, calls=calls, stop=stop))
    os.chmod(hocket, 0o755)
    out = os.path.join(folder, "out")
    words = [sys.executable, os.path.join(HERE, "shapes.py"), hocket, "--out", out]

    def run(*more, fine=True):
        done = subprocess.run(words + list(more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert (done.returncode == 0) == fine, done
        said = [json.loads(line) for line in open(calls)] if os.path.exists(calls) else []
        if said:
            os.remove(calls)
        return done, said

    for how, word in (("fails", "failed; "), ("ends", "was stopped at step 7 of 20")):  # on the way
        with open(stop, "w") as f:
            f.write(how)
        shutil.rmtree(out, ignore_errors=True)
        done, said = run(fine=False)
        assert [c[0] for c in said] == ["train"] and "--resume" not in said[0] and word in done.stderr, (said, done)
    with open(stop, "w") as f:
        f.write("hang")
    killed = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 100
    while not (os.path.exists(calls + ".pid") and open(calls + ".pid").read().endswith("\n")):
        assert time.monotonic() < until and killed.poll() is None
        time.sleep(0.02)
    killed.terminate()
    assert killed.wait(100) == 1
    try:
        os.kill(int(open(calls + ".pid").read()), 0)
        raise AssertionError("the training goes on alone")
    except ProcessLookupError:
        os.remove(calls)
    with open(stop, "w") as f:
        f.write("ends")
    open(os.path.join(out, "dense.1", "recipe.yaml.new"), "w").close()  # cut off while it was written
    done, said = run("--only", "dense", "--seeds", "1")
    assert "--resume" in said[0], said
    os.remove(stop)
    done, said = run()
    assert len(said) == 3 * (6 * 3 - 1), len(said)  # all but what was there
    assert "shape.dense.recall                            2 +- 2.5" in done.stdout, done.stdout
    assert "shape.experts.recall_over_dense               0 +- 0" in done.stdout, done.stdout
    assert "shape.gated.recall_over_convolved             0 +- 0" in done.stdout, done.stdout
    for variant in ("dense", "convolved", "gated", "residual", "looped", "experts"):
        for key in ("recall", "precision", "p99_ms", "mib"):
            assert f"shape.{variant}.{key} " in done.stdout, (variant, key)
    done, said = run()
    assert said == [], said
    done, said = run("--steps", "7", fine=False)
    assert "was made with another recipe" in done.stderr and not said, done.stderr
    recipes = {v: open(f"{out}/{v}.2/recipe.yaml").read() for v in ("dense", "looped", "experts")}
    assert "loop_passes: 3" in recipes["looped"] and "experts: 8" in recipes["experts"], recipes
    assert "feed_forward: 320" in recipes["experts"] and "feed_forward: 640" in recipes["dense"], recipes
    assert recipes["dense"].split("out:")[0] == recipes["looped"].split("out:")[0]  # the same data and steps
    small(run, out, words)
    with open(hocket, "a") as f:
        f.write("# another build\n")
    done, said = run(fine=False)
    assert "was begun with another build" in done.stderr and not said, done.stderr
    print("ok")


if __name__ == "__main__":
    main()
