#!/usr/bin/env python3
"""Training of adapters: `hocket bench lora` beside PEFT on PyTorch, on the same machine, one right after the other.

    ~/peft/bin/python tests/bench/peft/measure.py build/hocket --out out/peft

The model has the shape of SmolLM2-135M and random weights, so nothing is fetched. Batches, ranks and layers are those of
`hocket bench lora`. Ends with one JSON object of all figures (`lora.over_peft`, `lora.memory_over_peft`). Exit code 77:
PEFT is not installed.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time

SHAPE = dict(hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
             vocab_size=49152, max_position_embeddings=2048, tie_word_embeddings=True, rms_norm_eps=1e-5,
             rope_theta=100000.0)
SMALL = dict(SHAPE, num_hidden_layers=2, vocab_size=512)
LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head"]
CASES = [(length, rank) for length in (128, 512) for rank in (8, 32)]
BATCH = 1024  # tokens


def make(folder, shape):
    """A model of random weights that both can read."""
    import torch
    import transformers

    torch.manual_seed(1)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**shape)).to(torch.bfloat16)
    model.save_pretrained(folder, safe_serialization=True)


def train(folder, kind, length, rank, seconds, threads):
    """Whole steps (forward, backward, AdamW) by PEFT, in a process of its own; tokens/s and the most memory."""
    import peft
    import torch
    import transformers

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    dtype = {"bfloat16": torch.bfloat16, "float32": torch.float32}[kind]
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    config = peft.LoraConfig(r=rank, lora_alpha=32, target_modules=LAYERS, task_type="CAUSAL_LM")
    model = peft.get_peft_model(model, config, autocast_adapter_dtype=kind == "float32")
    model.train()
    learns = [p for p in model.parameters() if p.requires_grad]
    steps = torch.optim.AdamW(learns, lr=1e-4)
    vocabulary = model.config.vocab_size
    tokens = torch.randint(vocabulary, (BATCH // length, length))
    targets = torch.randint(vocabulary, (BATCH // length, length))

    def step():
        logits = model(input_ids=tokens, use_cache=False).logits
        torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="sum").backward()
        steps.step()
        steps.zero_grad()

    step()  # what is made once
    count, began = 0, time.perf_counter()
    while count == 0 or time.perf_counter() - began < seconds:
        step()
        count += 1
    rate = count * BATCH / (time.perf_counter() - began)
    print(json.dumps({"tokens_per_s": rate, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def said_by(command):
    """The last line of a program's output, as JSON."""
    env = dict(os.environ, OMP_WAIT_POLICY="passive", HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=env)
    if done.returncode:
        raise SystemExit(f"`{' '.join(command)}` ended with {done.returncode}")
    return done.stdout


def ours(o, folder):
    """What `hocket bench lora` measures, by name."""
    words = [o.hocket, "bench", "lora", "--language-model", folder, "--json"]
    # Some of its goals may be missed, which is its exit code; its figures are wanted all the same.
    done = subprocess.run(words + ["--quick"] * o.quick + ["--seconds", str(o.seconds)] * (not o.quick),
                          stdout=subprocess.PIPE, text=True)
    try:
        said = json.loads(done.stdout)
    except ValueError:
        raise SystemExit(f"`{' '.join(words)}` ended with {done.returncode} and no figures")
    return {m["name"]: m["value"] for m in said["measures"]}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("hocket", help="the program")
    p.add_argument("--out", default="out/peft", help="folder of the model and the figures")
    p.add_argument("--seconds", type=float, default=20, help="of each of the twelve measurements")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of PyTorch")
    p.add_argument("--quick", action="store_true", help="a tiny model and one step each: whether it runs")
    o = p.parse_args()
    try:
        import peft, torch, transformers  # noqa: E401, F401
    except ImportError as e:
        print(f"skipped: {e.name} is not installed (pip install torch transformers peft)")
        return 77
    folder = os.path.join(o.out, "model")
    make(folder, SMALL if o.quick else SHAPE)
    theirs = {}
    for kind in ("bfloat16", "float32"):
        for length, rank in CASES:
            words = [sys.executable, os.path.abspath(__file__), "--train", folder, kind, str(length), str(rank),
                     str(0 if o.quick else o.seconds), str(o.threads)]
            theirs[kind, length, rank] = json.loads(said_by(words).strip().splitlines()[-1])
    own = ours(o, folder)
    out = {name: value for name, value in own.items() if name.startswith("lora.")}
    for (kind, length, rank), m in theirs.items():
        out[f"peft.{kind}.tokens_per_s.{length}.rank{rank}"] = m["tokens_per_s"]
        out[f"peft.{kind}.peak_mib.{length}.rank{rank}"] = m["peak_mib"]
    # Beside the faster of its two kinds, and the smaller.
    ratios = []
    for length, rank in CASES:
        best = max(theirs[kind, length, rank]["tokens_per_s"] for kind in ("bfloat16", "float32"))
        ratios.append(own[f"lora.tokens_per_s.{length}.rank{rank}"] / best)
        out[f"lora.over_peft.{length}.rank{rank}"] = ratios[-1]
    out["lora.over_peft"] = min(ratios)
    by_kind = [max(m["peak_mib"] for (kind, _, _), m in theirs.items() if kind == k) for k in ("bfloat16", "float32")]
    out["lora.memory_over_peft"] = own["lora.peak_mib"] / min(by_kind)
    out["versions"] = f"torch {torch.__version__}, peft {peft.__version__}, transformers {transformers.__version__}"
    with open(os.path.join(o.out, "measures.json"), "w") as f:
        json.dump(out, f, indent=1)
    for name, value in out.items():
        print(f"{name:48} {value if isinstance(value, str) else format(value, '.4g')}")
    print(json.dumps(out))
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--train":
        folder, kind, length, rank, seconds, threads = sys.argv[2:]
        train(folder, kind, int(length), int(rank), float(seconds), int(threads))
    else:
        sys.exit(main())
