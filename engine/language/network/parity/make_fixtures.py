"""Makes the parity fixtures: for each family a tiny random network, a prompt, and the logits that
Hugging Face transformers computes for it in fp32 on a CPU.

    python3 -m venv venv && venv/bin/pip install torch transformers safetensors numpy
    venv/bin/python make_fixtures.py [family ...]

Each FAMILY.safetensors holds the weights (bfloat16: the fp32 computation uses exactly these
numbers) under the names of a checkpoint, `parity.tokens` [T] i32 and `parity.logits` [T, V] f32;
its metadata holds config.json and the version of transformers.
"""

import json
import pathlib
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).parent
SMALL = dict(vocab_size=96, hidden_size=48, intermediate_size=80, num_hidden_layers=3,
             num_attention_heads=4, num_key_value_heads=2, head_dim=16, max_position_embeddings=128,
             pad_token_id=None, bos_token_id=1, eos_token_id=2)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32, beta_fast=32.0,
            beta_slow=1.0)


def with_rope(theta, **scaling):
    """Both spellings: `rope_parameters` since transformers 5, before that two keys."""
    if int(transformers.__version__.split(".")[0]) >= 5:
        return {"rope_parameters": {"rope_theta": theta, "rope_type": "default", **scaling}}
    return {"rope_theta": theta, **({"rope_scaling": scaling} if scaling else {})}


def families():
    t = transformers
    llama3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                  original_max_position_embeddings=32)
    moe = dict(num_experts=6, num_experts_per_tok=2, moe_intermediate_size=24)
    yield "llama", t.LlamaConfig(**SMALL, **with_rope(5e5, **llama3), tie_word_embeddings=True)
    yield "mistral", t.MistralConfig(**SMALL, **with_rope(1e4), sliding_window=8)
    yield "qwen2", t.Qwen2Config(**{k: v for k, v in SMALL.items() if k != "head_dim"},
                                 **with_rope(1e6), use_sliding_window=True, sliding_window=8,
                                 max_window_layers=1)
    yield "qwen3", t.Qwen3Config(**SMALL, **with_rope(1e6))
    yield "qwen3_moe", t.Qwen3MoeConfig(**SMALL, **with_rope(1e6), **moe, norm_topk_prob=True,
                                        decoder_sparse_step=1, mlp_only_layers=[1])
    yield "gpt_oss", t.GptOssConfig(
        **{**SMALL, "intermediate_size": 24, "num_hidden_layers": 2}, num_local_experts=4,
        num_experts_per_tok=2, sliding_window=8, rms_norm_eps=1e-5,
        **with_rope(1.5e5, **YARN, truncate=False))
    yield "deepseek_v3", t.DeepseekV3Config(
        **{k: v for k, v in {**SMALL, "num_key_value_heads": 4}.items() if k != "head_dim"},
        **with_rope(1e4, **YARN, mscale=1.0, mscale_all_dim=0.8), q_lora_rank=24, kv_lora_rank=16,
        qk_nope_head_dim=8, qk_rope_head_dim=8, v_head_dim=12, n_routed_experts=8,
        num_experts_per_tok=3, n_shared_experts=2, n_group=4, topk_group=2, norm_topk_prob=True,
        routed_scaling_factor=2.5, first_k_dense_replace=1, moe_intermediate_size=16)
    yield "nemotron", t.NemotronConfig(**SMALL, **with_rope(1e4), partial_rotary_factor=0.5,
                                       norm_eps=1e-5, hidden_act="relu2")
    gemma = {"rope_parameters": {
        "full_attention": {"rope_theta": 1e6, "rope_type": "linear", "factor": 8.0},
        "sliding_attention": {"rope_theta": 1e4, "rope_type": "default"}}}
    yield "gemma3_text", t.Gemma3TextConfig(
        **SMALL, **gemma, sliding_window=8, query_pre_attn_scalar=24, tie_word_embeddings=True,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"])


def randomise(model, generator):
    """Weights at which every part matters; numbers that bfloat16 holds."""
    centred = {"nemotron", "gemma3_text"}  # their norms add 1 to what is stored
    for name, p in list(model.named_parameters()) + list(model.named_buffers()):
        if not p.is_floating_point() or "inv_freq" in name or "embed_scale" in name:
            continue
        noise = torch.randn(p.shape, generator=generator)
        if "embed_tokens" in name:
            value = noise
        elif "norm" in name and name.endswith("weight"):
            value = 0.2 * noise + (0 if model.config.model_type in centred else 1)
        elif "sinks" in name:
            value = noise
        elif p.dim() == 1 or "bias" in name:
            value = 0.2 * noise
        else:
            fan_in = p.shape[-2] if p.dim() == 3 and model.config.model_type == "gpt_oss" else p.shape[-1]
            value = 1.5 * noise / fan_in ** 0.5
        p.data.copy_(value.bfloat16().float())


def make(name, config):
    config._attn_implementation = "eager"
    torch.manual_seed(1)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    randomise(model, generator)
    model.tie_weights()
    tokens = torch.randint(3, config.vocab_size, (1, 40), generator=generator)
    with torch.no_grad():
        logits = model(tokens, use_cache=False).logits[0]
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tensors = load_file(folder + "/model.safetensors")
        text = pathlib.Path(folder, "config.json").read_text()
    out = {}
    for key, value in tensors.items():
        half = value.bfloat16()
        assert torch.equal(half.float(), value.float()), key
        out[key] = half.contiguous()
    out["parity.tokens"] = tokens[0].int()
    out["parity.logits"] = logits.float().contiguous()
    kept = json.loads(text)
    path = HERE / f"{name}.safetensors"
    save_file(out, path, {"config": json.dumps(kept), "transformers": transformers.__version__})
    print(f"{name}: {path.stat().st_size} bytes, logits {logits.min():.3f} to {logits.max():.3f}, "
          f"std {logits.std():.3f}")


if __name__ == "__main__":
    chosen = sys.argv[1:]
    for family, configuration in families():
        if not chosen or family in chosen:
            make(family, configuration)
