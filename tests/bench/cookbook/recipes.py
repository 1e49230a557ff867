#!/usr/bin/env python3
"""Recipes of Tinker's cookbook, unmodified, against `hocket serve tinker`; README.md says when each has passed.

    ~/cookbook/bin/python tests/bench/cookbook/recipes.py build/hocket --out out/cookbook --only sl_loop,dpo
"""

import argparse
import importlib.metadata
import json
import os
import random
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "integration", "tinker")]
import recipe_data
import tiny_model

MODEL, RENDERER = "Qwen/Qwen3-8B-Base", "role_colon"
RATE_OF_MATH = 0.002


def start_server(o):
    model = o.model or os.path.join(o.out, "model")
    if not o.model:
        tiny_model.write(model)
    process = subprocess.Popen(
        [o.hocket, "serve", "tinker", model, "--name", MODEL, "--name", "Qwen/Qwen3-8B", "--listen", "tcp://127.0.0.1:0",
         "--out", os.path.join(o.out, "server"), "--json"], stdout=subprocess.PIPE, text=True,
        env=dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"))
    line = process.stdout.readline()
    try:
        return process, json.loads(line)["url"]
    except ValueError:
        raise SystemExit("the server does not start: " + line)


def rows(*path):
    """A file with a JSON object a line; none where it is not there."""
    try:
        with open(os.path.join(*path)) as f:
            return [json.loads(line) for line in f]
    except FileNotFoundError:
        return []


def values(metrics, *keys):
    """Of each row that has one of them: the first."""
    return [next(row[k] for k in keys if k in row) for row in metrics if any(k in row for k in keys)]


def supervised(steps):
    def passed(metrics, checkpoints):
        loss = values(metrics, "train_mean_nll")
        whole = any(c.get("state_path") and c.get("sampler_path") for c in checkpoints)
        return len(loss) >= steps and loss[-1] < loss[0] - 0.15 and whole, {"loss": loss}
    return passed


def resumed(metrics, _):
    """Four steps, then six from the checkpoint behind the second."""
    loss = [(row["step"], row["train_mean_nll"]) for row in metrics if "train_mean_nll" in row]
    if [step for step, _ in loss] != [0, 1, 2, 3, 2, 3, 4, 5]:
        return False, {"loss": loss}
    return abs(loss[4][1] - loss[2][1]) < 0.05 and loss[-1][1] < loss[3][1], {"loss": loss}


def rewarded(steps):
    def passed(metrics, _):
        reward = values(metrics, "env/all/reward/total", "reward/total")
        apart = values(metrics, "optim/kl_sample_train_v2")
        return len(reward) >= steps and all(abs(x) < 1e-4 for x in apart), {"reward": reward, "kl": apart}
    return passed


def rising(metrics, _):
    reward = values(metrics, "env/all/reward/total")
    return len(reward) >= 12 and sum(reward[-2:]) > sum(reward[:2]), {"reward": reward}


def preferring(metrics, _):
    loss, margin = values(metrics, "dpo_loss"), values(metrics, "margin")
    return len(loss) >= 3 and abs(margin[0]) < 0.05, {"loss": loss, "margin": margin}


def distilled(metrics, _):
    apart = values(metrics, "teacher_kl")
    return len(apart) >= 2 and abs(apart[0]) < 1e-3, {"teacher_kl": apart}


def learnt_from_few(metrics, _):
    entropy = values(metrics, "sdft/mean_teacher_entropy")
    return len(entropy) >= 2 and all(x > 0 for x in entropy), {"teacher_entropy": entropy}


def warm_start(url):
    """A checkpoint of a model that ends about a quarter of its answers, by its path."""
    import tinker
    from tinker import types as T
    from tinker_cookbook.recipes.math_rl.arithmetic_env import ArithmeticEnv
    from tinker_cookbook.renderers import get_renderer
    from tinker_cookbook.tokenizer_utils import get_tokenizer

    tokenizer = get_tokenizer(MODEL)
    renderer = get_renderer(RENDERER, tokenizer)
    trainer = tinker.ServiceClient(base_url=url).create_lora_training_client(base_model=MODEL, rank=8, seed=3)
    draw = random.Random(5)

    def question():
        a, b = draw.randrange(101), draw.randrange(101)
        asked = ArithmeticEnv.standard_fewshot_prefix() + [{"role": "user", "content": f"What is {a} + {b}?"}]
        return renderer.build_generation_prompt(asked).to_ints(), f" {a + b}\n\nUser:"

    def example():
        prompt, answer = question()
        answer = tokenizer.encode(answer, add_special_tokens=False)
        tokens = prompt + answer
        return T.Datum(model_input=T.ModelInput.from_ints(tokens[:-1]),
                       loss_fn_inputs={"target_tokens": tokens[1:],
                                       "weights": [0.0] * (len(prompt) - 1) + [1.0] * len(answer)})

    for _ in range(80):
        sampler = trainer.save_weights_and_get_sampling_client()
        how = T.SamplingParams(max_tokens=8, stop=renderer.get_stop_sequences())
        asked = [sampler.sample(T.ModelInput.from_ints(question()[0]), 4, how) for _ in range(6)]
        if sum(s.stop_reason == "stop" for a in asked for s in a.result().sequences) >= 6:
            break
        passed = trainer.forward_backward([example() for _ in range(8)], "cross_entropy")
        stepped = trainer.optim_step(T.AdamParams(learning_rate=4e-3, eps=1e-8))
        passed.result(), stepped.result()
    return trainer.save_state("warm").result().path


def recipes(o, url):
    """Name, module, arguments, what says that it passed. Called one after the other: some need what was before."""
    server, model, renderer = f"base_url={url}", f"model_name={MODEL}", f"renderer_name={RENDERER}"
    anew = "behavior_if_log_dir_exists=delete"
    small = [server, model, renderer, "lora_rank=8"]
    chat = small + [f"dataset={o.out}/conversations.jsonl", "batch_size=8", "max_length=512", "learning_rate=0.004",
                    "save_every=2", "eval_every=0"]
    yield "sl_loop", "sl_loop", [server, model, "lora_rank=8", "batch_size=8", "max_length=512", "max_steps=6",
                                 "save_every=3", "learning_rate=0.004"], supervised(6)
    yield "chat_sl", "chat_sl.train", chat + [anew, "max_steps=4"], supervised(4)
    yield "chat_sl_resume", "chat_sl.train", chat + ["behavior_if_log_dir_exists=resume", "max_steps=6"], resumed
    math = small + [anew, "env=arithmetic", "groups_per_batch=8", "group_size=8", "max_tokens=8", "max_steps=12",
                    "save_every=0", "eval_every=0", "loss_fn=importance_sampling", f"learning_rate={RATE_OF_MATH}"]
    yield "math_rl", "math_rl.train", lambda: math + [f"load_checkpoint_path={warm_start(url)}"], rising
    few = [model, renderer, anew, "batch_size=4", "max_steps=2", "eval_every=0"]
    yield "shorter", "preference.shorter.train", few + ["group_size=4", "max_tokens=8"], rewarded(2)
    yield "guess_number", "multiplayer_rl.guess_number.train", few + ["group_size=2", "max_tokens=6"], rewarded(2)
    yield "dpo", "preference.dpo.train", [server, model, renderer, anew, "batch_size=4", "max_length=256", "max_steps=3",
                                          "learning_rate=0.001"], preferring
    taught = small + [anew, "groups_per_batch=4", "group_size=2", "max_tokens=8", "max_steps=2", "eval_every=0"]
    yield ("on_policy_distillation", "distillation.on_policy_distillation", taught + [f"teacher_model={MODEL}"], distilled)
    yield "sdft", "sdft.train", taught + ["topk=8", "max_context_length=512"], learnt_from_few


def run(o, url, name, module, arguments, passed):
    """Whether it passed, and its figures."""
    log = os.path.join(o.out, "logs", "chat_sl" if name == "chat_sl_resume" else name)
    checkpoints = os.path.join(log, "checkpoints.jsonl")
    if name != "chat_sl_resume":
        shutil.rmtree(log, ignore_errors=True)
    else:  # as if it had been killed before its last one
        kept = [json.dumps(c) + "\n" for c in rows(checkpoints) if c["name"] != "final"]
        with open(checkpoints, "w") as f:
            f.writelines(kept)
    arguments = arguments() if callable(arguments) else arguments
    with open(os.path.join(o.out, name + ".log"), "w") as said:
        try:
            code = subprocess.run([sys.executable, "-m", "tinker_cookbook.recipes." + module, "log_path=" + log, *arguments],
                                  cwd=o.out, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
                                  timeout=o.limit).returncode
        except subprocess.TimeoutExpired:
            return False, {"error": f"not over after {o.limit:.0f} s"}
    if code:
        return False, {"error": f"exit code {code}: {o.out}/{name}.log"}
    return passed(rows(log, "metrics.jsonl"), rows(checkpoints))


def draw(path, reward):
    """The reward by steps, as a picture."""
    low, high = min(reward), max(max(reward), min(reward) + 1e-9)
    points = " ".join(f"{20 + 360 * i / max(1, len(reward) - 1):.1f},{180 - 160 * (r - low) / (high - low):.1f}"
                      for i, r in enumerate(reward))
    with open(path, "w") as f:
        f.write('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 200" font-family="sans-serif" font-size="11">'
                f'<text x="20" y="14">reward of math_rl, {low:.2f} to {high:.2f}, {len(reward)} steps</text>'
                f'<polyline points="{points}" fill="none" stroke="#1f6feb" stroke-width="2"/></svg>\n')


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("hocket", help="the program")
    p.add_argument("--out", default="out/cookbook", help="folder of data, logs and figures")
    p.add_argument("--only", default="", help="names of recipes, with commas")
    p.add_argument("--model", default="", help="folder or GGUF file of another model than the tiny one")
    p.add_argument("--limit", type=float, default=900, help="seconds of a recipe")
    o = p.parse_args()
    try:
        versions = {n: importlib.metadata.version(n) for n in ("tinker", "tinker-cookbook")}
    except importlib.metadata.PackageNotFoundError as e:
        print(f"skipped: {e.name} is not installed (README.md)")
        return 77
    o.out, o.hocket = os.path.abspath(o.out), os.path.abspath(o.hocket)
    os.makedirs(o.out, exist_ok=True)
    recipe_data.make(o.out)
    process, url = start_server(o)
    os.environ.update(TINKER_BASE_URL=url, TINKER_API_KEY="tml-cookbook", TINKER_TELEMETRY="0", HF_ENDPOINT=url,
                      HF_HOME=os.path.join(o.out, "hub"), HF_HUB_DISABLE_XET="1", TOKENIZERS_PARALLELISM="false",
                      TINKER_COOKBOOK_RUNS_DIR=os.path.join(o.out, "runs"), WANDB_MODE="disabled", OMP_NUM_THREADS="1")
    only = set(filter(None, o.only.split(",")))
    only |= {"chat_sl"} if "chat_sl_resume" in only else set()
    out = {}
    try:
        for name, module, arguments, passed in recipes(o, url):
            if only and name not in only:
                continue
            began = time.perf_counter()
            ok, figures = run(o, url, name, module, arguments, passed)
            out[f"tinker.{name}.passed"] = int(ok)
            print(f"{'passed' if ok else 'FAILED'}  {name:24} {time.perf_counter() - began:6.1f} s  "
                  + json.dumps(figures, default=str), flush=True)
            if name == "math_rl" and figures.get("reward"):
                draw(os.path.join(o.out, "curve.svg"), figures["reward"])
    finally:
        process.terminate()
        process.wait(timeout=120)
    print(json.dumps({**out, "versions": versions}))
    return 0 if out and all(out.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
