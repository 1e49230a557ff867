"""shapes.py without a model: intervals, recipes, and that what is done is not done again. `shapes_test.py FOLDER`.

A program stands in for hocket: it writes down how it was called and prints figures that depend on the shape.
"""

import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
STAND_IN = """#!{python}
import json, os, sys
open({calls!r}, "a").write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1] == "train":
    out = os.path.dirname(sys.argv[2])
    if os.path.exists({stop!r}) and "--resume" not in sys.argv:
        open(os.path.join(out, "checkpoint.safetensors"), "w").close()
        sys.exit(1)
    os.makedirs(out + "/model", exist_ok=True)
    open(out + "/model/model.safetensors", "w").write("x" * 1024)
    sys.exit(0)
seed = int(sys.argv[sys.argv.index("--model") + 1].split("/")[-2].split(".")[1])
names = ["closed_loop.recall", "closed_loop.precision", "session.micro_turn.p50_ms", "session.micro_turn.p99_ms",
         "session.micro_turn.cpu_p99_ms", "session.rss_end_mib"]
print(json.dumps({{"measures": [{{"name": n, "value": seed}} for n in names]}}))
sys.exit(1 if sys.argv[1] == "bench" else 0)  # a missed goal
"""


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

    open(stop, "w").close()  # the first training is stopped on the way
    done, said = run(fine=False)
    assert [c[0] for c in said] == ["train"], said
    done, said = run("--only", "dense", "--seeds", "1")
    assert "--resume" in said[0], said
    os.remove(stop)
    done, said = run()
    assert len(said) == 3 * (5 * 3 - 1), len(said)  # all but what was there
    assert "shape.dense.recall                            2 +- 2.5" in done.stdout, done.stdout
    assert "shape.experts.recall_over_dense               0 +- 0" in done.stdout, done.stdout
    for variant in ("dense", "convolved", "residual", "looped", "experts"):
        for key in ("recall", "precision", "p99_ms", "mib"):
            assert f"shape.{variant}.{key} " in done.stdout, (variant, key)
    done, said = run()
    assert said == [], said
    done, said = run("--steps", "7", fine=False)
    assert "was made with another recipe" in done.stderr and not said, done.stderr
    recipes = {v: open(f"{out}/{v}.2/recipe.yaml").read() for v in ("dense", "looped", "experts")}
    assert "loop_passes: 3" in recipes["looped"] and "experts: 8" in recipes["experts"], recipes
    assert recipes["dense"].split("out:")[0] == recipes["looped"].split("out:")[0]  # the same data and steps
    with open(hocket, "a") as f:
        f.write("# another build\n")
    done, said = run(fine=False)
    assert "was begun with another build" in done.stderr and not said, done.stderr
    print("ok")


if __name__ == "__main__":
    main()
