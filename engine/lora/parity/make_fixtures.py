"""Makes the parity fixtures: 50 steps of training with PEFT and torch.optim.AdamW in fp32 on the tiny
networks of engine/language/network/parity, one after the other through all losses.

    python3 -m venv venv && venv/bin/pip install torch transformers peft safetensors numpy
    venv/bin/python make_fixtures.py

Each FAMILY.safetensors holds the adapter before (`before.NAME`) and after (`after.NAME`), the
sequences `tokens` [4, 13] i32 (the first 12 are read, the last 12 are targets), what the losses take
(`logprobs`, `advantages`, `mask`, `weights` [4, 12] f32), the losses of the steps `losses` [50] f32,
and the log probabilities after them `logprobs_after` [4, 12] f32. Metadata: adapter_config.json and the
order of the losses.
"""

import json
import pathlib
import tempfile

import peft
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).parent
NETWORKS = HERE.parent.parent / "language" / "network" / "parity"
LOSSES = ["cross_entropy", "importance_sampling", "ppo", "cispo", "dro", "gspo"]
BETA = 0.05
STEPS = 50


def open_network(family):
    path = NETWORKS / f"{family}.safetensors"
    with safe_open(path, "pt") as f:
        config = json.loads(f.metadata()["config"])
    tensors = {k: v.float() for k, v in load_file(path).items() if not k.startswith("parity.")}
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "config.json").write_text(json.dumps(config))
        save_file(tensors, folder + "/model.safetensors", {"format": "pt"})
        return transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager").eval()


def loss_of(name, lp, q, a, mask, w):
    ratio = torch.exp(lp - q)
    if name == "cross_entropy":
        return -(w * lp).sum()
    if name == "importance_sampling":
        return -(ratio * a).sum()
    if name == "ppo":
        return -torch.min(ratio * a, ratio.clamp(0.8, 1.2) * a).sum()
    if name == "cispo":
        return -(ratio.clamp(0.0, 4.0).detach() * lp * a).sum()
    if name == "dro":
        return -(lp * a - BETA / 2 * (lp - q) ** 2).sum()
    mean = ((lp.detach() - q) * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
    s = torch.exp(mean + lp - lp.detach())
    return -torch.min(s * a, s.clamp(0.8, 1.2) * a).sum()


def make(family, config):
    torch.manual_seed(3)
    model = peft.get_peft_model(open_network(family), config).eval()
    g = torch.Generator().manual_seed(5)
    for name, p in model.named_parameters():
        if "lora_B" in name:
            p.data.copy_(0.05 * torch.randn(p.shape, generator=g))

    def adapter():
        kept = peft.get_peft_model_state_dict(model, save_embedding_layers=False)
        return {k: v.clone() for k, v in kept.items()}

    before = adapter()
    tokens = torch.randint(3, 96, (4, 13), generator=g)
    a, w = torch.randn(4, 12, generator=g), torch.randn(4, 12, generator=g).abs()
    mask = (torch.rand(4, 12, generator=g) < 0.7).float()

    def logprobs():
        out = torch.log_softmax(model(tokens[:, :-1], use_cache=False).logits.float(), -1)
        return out.gather(2, tokens[:, 1:, None])[:, :, 0]

    with torch.no_grad():
        q = logprobs() + 0.3 * torch.randn(4, 12, generator=g)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=2e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.01)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(LOSSES[step % len(LOSSES)], logprobs(), q, a, mask, w)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    with torch.no_grad():
        after = logprobs()
    text = json.dumps({k: (sorted(v) if isinstance(v, set) else v)
                       for k, v in config.to_dict().items()}, default=str)
    out = {f"before.{k}": v for k, v in before.items()}
    out |= {f"after.{k}": v for k, v in adapter().items()}
    out |= dict(tokens=tokens.int(), logprobs=q, advantages=a, mask=mask, weights=w,
                losses=torch.tensor(losses), logprobs_after=after)
    path = HERE / f"{family}.safetensors"
    save_file({k: v.contiguous() for k, v in out.items()}, path,
              {"config": text, "losses": ",".join(LOSSES), "peft": peft.__version__,
               "torch": torch.__version__, "transformers": transformers.__version__})
    print(family, path.stat().st_size, "bytes; losses", losses[:6], losses[-6:])


if __name__ == "__main__":
    common = dict(task_type="CAUSAL_LM", lora_dropout=0.0, bias="none")
    make("qwen3", peft.LoraConfig(r=4, lora_alpha=32, target_modules=[
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head"],
        **common))
    make("llama", peft.LoraConfig(r=2, lora_alpha=6, use_rslora=True,
                                  target_modules=r".*layers\.[02]\..*(q|o|down)_proj",
                                  rank_pattern={"layers.2.*q_proj": 3},
                                  alpha_pattern={"down_proj": 11}, **common))
    make("gemma3_text", peft.LoraConfig(r=3, lora_alpha=9, target_modules="all-linear", **common))
