"""Makes a folder with a tiny random Qwen3 model and a byte-level tokenizer. Python alone, no packages."""

import json
import os
import random
import struct
import sys

WIDTH, HEADS, KV, DIM, HIDDEN, LAYERS = 32, 4, 2, 8, 64, 2
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = ("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
            "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def byte_alphabet():
    """The characters that stand for bytes in byte-level vocabularies, by byte."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for b in range(256):
        table[b] = chr(b) if b in plain else chr(256 + extra)
        extra += b not in plain
    return [table[b] for b in range(256)]


def tokenizer():
    vocab = {c: i for i, c in enumerate(byte_alphabet())}
    merges = []
    for a, b in (("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("a", "n")):
        merges.append([a, b])
        vocab[a + b] = len(vocab)
    added = [{"id": len(vocab) + i, "content": s, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True} for i, s in enumerate(SPECIALS)]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": level, "post_processor": None, "decoder": level,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                      "vocab": vocab, "merges": merges}}, len(vocab) + len(SPECIALS)


def shapes(vocabulary):
    yield "model.embed_tokens.weight", (vocabulary, WIDTH), 0.5
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        for name, out in (("q", HEADS * DIM), ("k", KV * DIM), ("v", KV * DIM)):
            yield p + f"self_attn.{name}_proj.weight", (out, WIDTH), WIDTH ** -0.5
        yield p + "self_attn.o_proj.weight", (WIDTH, HEADS * DIM), (HEADS * DIM) ** -0.5
        yield p + "self_attn.q_norm.weight", (DIM,), None
        yield p + "self_attn.k_norm.weight", (DIM,), None
        for name in ("gate", "up"):
            yield p + f"mlp.{name}_proj.weight", (HIDDEN, WIDTH), WIDTH ** -0.5
        yield p + "mlp.down_proj.weight", (WIDTH, HIDDEN), HIDDEN ** -0.5
        yield p + "input_layernorm.weight", (WIDTH,), None
        yield p + "post_attention_layernorm.weight", (WIDTH,), None
    yield "model.norm.weight", (WIDTH,), None
    yield "lm_head.weight", (vocabulary, WIDTH), 0.08 * 4


def write(folder, seed=1, positions=512):
    os.makedirs(folder, exist_ok=True)
    tok, vocabulary = tokenizer()
    eos = vocabulary - len(SPECIALS)
    config = dict(architectures=["Qwen3ForCausalLM"], model_type="qwen3", vocab_size=vocabulary, hidden_size=WIDTH,
                  intermediate_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                  num_key_value_heads=KV, head_dim=DIM, max_position_embeddings=positions, rms_norm_eps=1e-6,
                  rope_theta=1e6, hidden_act="silu", attention_bias=False, tie_word_embeddings=False,
                  eos_token_id=eos, bos_token_id=None, torch_dtype="float32")
    rng = random.Random(seed)
    header, data = {}, bytearray()
    for name, shape, spread in shapes(vocabulary):
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = [1.0] * count if spread is None else [rng.gauss(0, spread) for _ in range(count)]
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + 4 * count]}
        data += struct.pack(f"<{count}f", *values)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)
    for name, value in (("config.json", config), ("tokenizer.json", tok),
                        ("tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": positions,
                                                   "eos_token": SPECIALS[0], "pad_token": SPECIALS[0],
                                                   "chat_template": TEMPLATE})):
        with open(os.path.join(folder, name), "w") as f:
            json.dump(value, f)
    return eos


if __name__ == "__main__":
    print(write(sys.argv[1]))
