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

import numpy as np
import torch
import transformers
from safetensors import safe_open
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
    yield "gpt_oss_mxfp4", t.GptOssConfig(
        **{**SMALL, "hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 2},
        num_local_experts=4, num_experts_per_tok=2, sliding_window=8, rms_norm_eps=1e-5,
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
    yield "nemotron_h", nemotron_h(t)
    yield from inklings(t)


def nemotron_h(t):
    """All four kinds of layers; chunks of 16, so that a prompt of 40 has a border within and one left over."""
    sizes = {k: v for k, v in SMALL.items() if k != "num_hidden_layers"}
    return t.NemotronHConfig(
        **{**sizes, "num_key_value_heads": 2}, hybrid_override_pattern="M-M*E", layer_norm_epsilon=1e-5,
        mamba_num_heads=6, mamba_head_dim=8, ssm_state_size=16, n_groups=2, conv_kernel=4, chunk_size=16,
        time_step_min=0.05, n_routed_experts=6, num_experts_per_tok=2, moe_intermediate_size=16,
        moe_shared_expert_intermediate_size=24, n_group=2, topk_group=1, routed_scaling_factor=2.5)


def inklings(t):
    """Every part of the three generations: windows and all positions, dense layers and experts, lengths that
    scores grow with, blocks of two layers, a loop of two layers that runs three times."""
    sizes = {k: v for k, v in SMALL.items()
             if k in ("vocab_size", "hidden_size", "num_attention_heads", "num_key_value_heads",
                      "head_dim", "max_position_embeddings", "pad_token_id")}
    sizes = dict(sizes, swa_num_attention_heads=4, swa_head_dim=16, sliding_window_size=8, d_rel=3,
                 rel_extent=11, log_scaling_n_floor=6, conv_kernel_size=4, unpadded_vocab_size=90,
                 num_experts_per_tok=2, moe_intermediate_size=16, route_scale=2.5)
    types = ["hybrid_sliding", "hybrid"]
    yield "inkling", t.InklingTextConfig(
        **sizes, swa_num_key_value_heads=1, n_routed_experts=5, n_shared_experts=2,
        intermediate_size=40, num_hidden_layers=3, layer_types=types + types[:1],
        mlp_layer_types=["dense", "sparse", "sparse"], logits_mup_width_multiplier=3.0)
    second = dict(sizes, swa_num_key_value_heads=2, n_routed_experts=4, qk_l2_clip_threshold=6.0,
                  rel_l2_clip_threshold=1.5, n_layers_per_attn_res_block=2)
    yield "inkling2", t.Inkling2TextConfig(**second, num_hidden_layers=4, layer_types=types * 2)
    yield "inkling2_mini", t.Inkling2LoopTextConfig(
        **dict(second, moe_intermediate_size=8, n_routed_experts=3), num_hidden_layers=6,
        layer_types=types * 3, loop_layer_index_start=2, loop_layer_index_end=4, loop_num_passes=3,
        loop_gate_rank=5)
    for bits in ("mxfp8", "nvfp4"):  # widths of whole groups
        yield "inkling2_mini_" + bits, t.Inkling2LoopTextConfig(
            **dict(second, hidden_size=64, moe_intermediate_size=32, n_routed_experts=3,
                   n_layers_per_attn_res_block=1), num_hidden_layers=3, layer_types=types + types[:1],
            loop_layer_index_start=1, loop_layer_index_end=2, loop_num_passes=2, loop_gate_rank=5)


def randomise(model, generator):
    """Weights at which every part matters; numbers that bfloat16 holds."""
    centred = {"nemotron", "gemma3_text"}  # their norms add 1 to what is stored
    for name, p in list(model.named_parameters()) + list(model.named_buffers()):
        if not p.is_floating_point() or "inv_freq" in name or "embed_scale" in name:
            continue
        noise = torch.randn(p.shape, generator=generator)
        if name.endswith("embed_tokens.weight"):
            value = noise
        elif "norm" in name and name.endswith("weight"):
            value = 0.2 * noise + (0 if model.config.model_type in centred else 1)
        elif "sinks" in name:
            value = noise
        elif name.endswith("A_log"):  # heads that forget at once and heads that hardly do
            value = noise
        elif name.endswith("dt_bias"):
            value = noise - 1
        elif name.endswith(".D"):
            value = 0.3 * noise + 1
        elif name.endswith((".query", "global_scale", "norm.scale")):  # Inkling: reads of blocks, gains
            value = 0.3 * noise + (0 if name.endswith("query") else 1)
        elif "_message_gate." in name:  # gates near their ends make fp32 itself differ by 1e-4
            value = 0.4 * noise / p.shape[-1] ** 0.5
        elif "conv1d" in name or "static_weight" in name or name.endswith("bias.proj"):
            value = 0.5 * noise
        elif p.dim() == 1 or "bias" in name:
            value = 0.2 * noise
        else:
            fan_in = p.shape[-2] if p.dim() == 3 and model.config.model_type == "gpt_oss" else p.shape[-1]
            value = 1.5 * noise / fan_in ** 0.5
        p.data.copy_(value.bfloat16().float())


def pack_experts(model, generator):
    """Random MXFP4 experts as GPT-OSS is published, which the model gets as transformers reads them."""
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors
    packed = {}
    for name, p in model.named_parameters():
        if not name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            continue
        experts, width, out = p.shape
        blocks = torch.randint(0, 256, (experts, out, width // 32, 16), generator=generator, dtype=torch.uint8)
        scales = torch.randint(121, 125, (experts, out, width // 32), generator=generator, dtype=torch.uint8)
        p.data.copy_(convert_moe_packed_tensors(blocks.clone(), scales.clone(), dtype=torch.float32))
        packed[name + "_blocks"], packed[name + "_scales"] = blocks, scales
    return packed


def e4m3(codes):
    """Their numbers, from sign, four bits of exponent and three of fraction."""
    codes = codes.astype(np.int32)
    exponent, fraction = codes >> 3 & 15, codes & 7
    size = np.where(exponent == 0, fraction * 2.0**-9, (8 + fraction) * 2.0 ** (exponent - 10.0))
    return np.where(codes & 128, -size, size).astype(np.float32)


def random_mxfp8(shape, random):
    codes = random.integers(0, 127, shape, dtype=np.uint8) | random.integers(0, 2, shape, dtype=np.uint8) << 7
    scales = random.integers(117, 120, (*shape[:2], shape[2] // 32), dtype=np.uint8)
    numbers = e4m3(codes) * np.repeat(np.exp2(scales.astype(np.float32) - 127), 32, axis=2)
    return {"": torch.tensor(codes).view(torch.float8_e4m3fn), "_scale": torch.tensor(scales)}, numbers


def random_nvfp4(shape, random):
    levels = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
    levels = np.concatenate([levels, -levels])
    codes = random.integers(0, 256, (*shape[:2], shape[2] // 2), dtype=np.uint8)
    scales = random.integers(8, 64, (*shape[:2], shape[2] // 16), dtype=np.uint8)
    amax = random.uniform(100, 300, shape[0]).astype(np.float32)
    denominator = np.full(shape[0], 2688, np.float32)
    numbers = np.stack([levels[codes & 15], levels[codes >> 4]], axis=-1).reshape(shape)
    numbers = numbers * np.repeat(e4m3(scales), 16, axis=2) * (amax / denominator)[:, None, None]
    return {"": torch.tensor(codes), "_scale": torch.tensor(scales).view(torch.float8_e4m3fn),
            "_amax": torch.tensor(amax), "_outer_scale_denominator": torch.tensor(denominator)}, numbers


def publish_experts(model, name):
    """Random experts of few bits under their published names, whose numbers (by numpy alone) the model gets:
    gates and ups lie in turns there, gates come first in the module. And one expert's numbers."""
    make = random_mxfp8 if name.endswith("mxfp8") else random_nvfp4
    random = np.random.default_rng(7)
    packed = {}
    for i, layer in enumerate(model.model.layers):
        experts = layer.mlp.experts
        for stored, p in (("w13", experts.gate_up_proj), ("w2", experts.down_proj)):
            parts, numbers = make(tuple(p.shape), random)
            key = f"model.llm.layers.{i}.mlp.experts.{stored}_weight"
            packed |= {key + end: part for end, part in parts.items()}
            packed.setdefault("parity.expert", torch.tensor(numbers[1]))
            if stored == "w13":
                numbers = np.concatenate([numbers[:, 0::2], numbers[:, 1::2]], axis=1)
            p.data.copy_(torch.tensor(numbers))
    return packed


def as_published(decoder, folder):
    """Inkling's decoder alone saves its module's names; the whole model those of the checkpoints."""
    towers = dict(audio_config=dict(mel_vocab_size=16),
                  vision_config=dict(patch_size=6, num_hidden_layers=3))
    whole = transformers.InklingForConditionalGeneration(
        transformers.InklingConfig(text_config=decoder.config.to_dict(), **towers)).float()
    whole.model.language_model.load_state_dict(decoder.model.state_dict())
    whole.lm_head.load_state_dict(decoder.lm_head.state_dict())
    whole.save_pretrained(folder)
    saved = load_file(folder + "/model.safetensors")
    return ({k: v for k, v in saved.items() if k.startswith("model.llm.")},
            pathlib.Path(folder, "config.json").read_text())


def make(name, config):
    config._attn_implementation = "eager"
    torch.manual_seed(1)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    randomise(model, generator)
    packed = pack_experts(model, generator) if name == "gpt_oss_mxfp4" else {}
    few_bits = publish_experts(model, name) if name.startswith("inkling2_mini_") else {}
    model.tie_weights()
    vocabulary = getattr(config, "unpadded_vocab_size", config.vocab_size)
    tokens = torch.randint(3, vocabulary, (1, 40), generator=generator)
    with torch.no_grad():
        logits = model(tokens, use_cache=False).logits[0]
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tensors = load_file(folder + "/model.safetensors")
        if name == "inkling2":  # under the module's names; the others under the published ones
            tensors = {k: v.contiguous() for k, v in model.state_dict().items()}
        if name == "inkling":
            tensors, text = as_published(model, folder)
        text = pathlib.Path(folder, "config.json").read_text()
    out = dict(packed, **few_bits)
    for key, value in tensors.items():
        if key + "_blocks" in packed or key in few_bits:
            continue
        half = value.bfloat16()
        assert torch.equal(half.float(), value.float()), key
        out[key] = half.contiguous()
    out["parity.tokens"] = tokens[0].int()
    out["parity.logits"] = logits.float().contiguous()
    kept = json.loads(text)
    if packed:
        kept["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}
    path = HERE / f"{name}.safetensors"
    save_file(out, path, {"config": json.dumps(kept), "transformers": transformers.__version__})
    print(f"{name}: {path.stat().st_size} bytes, logits {logits.min():.3f} to {logits.max():.3f}, "
          f"std {logits.std():.3f}")


def published_headers():
    """published_headers.json: names, types and shapes of tiny checkpoints of the three whole models."""
    t = transformers
    texts = {name: config.to_dict() for name, config in inklings(t)}
    picture = dict(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, patch_size=4,
                   projection_hidden_dim=24, posemb_grid_size=4, text_hidden_size=48)
    first = dict(audio_config=dict(mel_vocab_size=16), vision_config=dict(patch_size=6, num_hidden_layers=3))
    models = {
        "inkling": t.InklingForConditionalGeneration(t.InklingConfig(text_config=texts["inkling"], **first)),
        "inkling2": t.Inkling2ForConditionalGeneration(
            t.Inkling2Config(text_config=texts["inkling2"], vision_config=picture)),
        "inkling2_mini": t.Inkling2LoopForConditionalGeneration(t.Inkling2LoopConfig(
            text_config=texts["inkling2_mini"], vision_config=dict(picture, model_type="inkling2_vision")))}
    out = {}
    for name, model in models.items():
        with tempfile.TemporaryDirectory() as folder:
            model.bfloat16().save_pretrained(folder)
            with safe_open(folder + "/model.safetensors", "pt") as file:
                slices = {key: file.get_slice(key) for key in sorted(file.keys())}
                tensors = {k: [s.get_dtype(), s.get_shape()] for k, s in slices.items()}
            config = json.loads(pathlib.Path(folder, "config.json").read_text())
        out[name] = {"config": config, "tensors": tensors}
    (HERE / "published_headers.json").write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    chosen = sys.argv[1:]
    if not chosen or "headers" in chosen:
        published_headers()
    for family, configuration in families():
        if not chosen or family in chosen:
            make(family, configuration)
