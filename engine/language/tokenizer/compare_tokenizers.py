#!/usr/bin/env python3
"""Compares Hocket's tokenizers with the reference implementations on random and adversarial text.

    compare_tokenizers.py PROGRAM VOCABULARY.gguf[@PRE]... [--strings 100000] [--seed 1]

@PRE: the vocabulary under another family's pre-tokenizer, for families whose own no package carries.

PROGRAM reads records (length u32, UTF-8) from its input and writes (count u32, ids i32) for each:
`tokenize_records.cpp` beside this file. The vocabularies are those of the source package of PyPI
`llama-cpp-python` (vendor/llama.cpp/models). References, from PyPI: `tokenizers` for byte-level
vocabularies, `sentencepiece` for the others. Needs `gguf`, `tokenizers`, `sentencepiece`.
"""
import argparse
import os
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata

import gguf

SUFFIX = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LINES = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# As the families' own tokenizer.json have them: (splits, ignore_merges, NFC).
FAMILIES = {
    "gpt-2": ([GPT2], False, False),
    "smollm": ([r"\p{N}", GPT2], False, False),
    "llama-bpe": ([SUFFIX + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + LINES], True, False),
    "qwen2": ([SUFFIX + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + LINES], False, True),
    "qwen35": ([SUFFIX + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*" + LINES], False, True),
    "gpt-4o": ([r"[^\r\n\p{L}\p{N}]?" + UPPER + "*" + LOWER + "+" + SUFFIX + r"?|[^\r\n\p{L}\p{N}]?" + UPPER + "+"
                + LOWER + "*" + SUFFIX + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + LINES], False, False),
    "deepseek-v3": ([r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
                     r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*" + LINES],
                    False, False),
    "deepseek-coder": ([r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}"], False, False),
}


class vocabulary:
    def __init__(self, path, pre):
        fields = gguf.GGUFReader(path).fields
        self.get = lambda key: fields["tokenizer.ggml." + key].contents() if "tokenizer.ggml." + key in fields else None
        self.tokens, self.types = self.get("tokens"), self.get("token_type")
        self.kind, self.pre = self.get("model"), pre or self.get("pre")


def with_pre(path, pre, folder):
    """A copy of the vocabulary that names another pre-tokenizer."""
    v = vocabulary(path, pre)
    to = os.path.join(folder, os.path.basename(path) + "." + pre)
    w = gguf.GGUFWriter(to, "llama")
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(pre)
    w.add_token_list(v.tokens)
    w.add_token_types(v.types)
    w.add_token_merges(v.get("merges"))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()
    return to


def byte_level(v):
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    splits, whole, compose = FAMILIES[v.pre]
    vocab = {t: i for i, t in enumerate(v.tokens)}
    merges = [tuple(m.split(" ")) for m in v.get("merges")]
    t = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=whole))
    if compose:
        t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(s), "isolated") for s in splits]
        + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    added = [x for x, kind in zip(v.tokens, v.types) if kind == 4]
    t.add_tokens(added)
    return lambda texts: [e.ids for e in t.encode_batch(texts, add_special_tokens=False)]


def sentence_piece(v):
    import sentencepiece as spm
    from sentencepiece import sentencepiece_model_pb2 as pb
    model = pb.ModelProto()
    for text, score, kind in zip(v.tokens, v.get("scores"), v.types):
        model.pieces.add(piece=text, score=score, type=kind)
    model.trainer_spec.model_type = pb.TrainerSpec.BPE
    model.trainer_spec.byte_fallback = True
    model.trainer_spec.vocab_size = len(v.tokens)
    n = model.normalizer_spec
    n.name, n.add_dummy_prefix, n.remove_extra_whitespaces, n.escape_whitespaces = "identity", v.get("add_space_prefix") is not False, False, True
    p = spm.SentencePieceProcessor(model_proto=model.SerializeToString())
    return lambda texts: [p.encode(x) for x in texts]


def strings(count, v, seed):
    """Random and adversarial: scripts, digits, spaces, marks, emoji, tokens of the vocabulary, near-specials."""
    r = random.Random(seed)
    pools = [
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "  \t\n\r\u00a0\u2003\u3000\u1680\u180e\u200b\u2028\x85\x0b\x0c",
        "'sStTdDmM\u017f'rRveVElL", "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~", "äöüßÉèñçœǅǆʰªº", "дЖпривет", "你好世界一龥龦㐀々ー", "ひらがなカタカナ",
        "العربية٠١٢", "हिन्दीक्षि०१", "한국어가힣ᄀ", "ไทยภาษา", "²³¹½Ⅷ①", "e\u0301a\u0308n\u0303\u0345\u20dd", "😀👍🏽👨‍👩‍👧🇩🇪", "\ufeff\ufffd\ufffe\u00ad",
        "\u2581▁", "𝔘𝟘𐐀𐍈", "…—–‘’“”«»。，、！？",
    ]
    words = ["I'm", "they've", "don't", "DON'T", "hello", "world", "http://x.y/z?a=1", "<|im_end|>", "<s>", "</s>", "<0x0A>", "<|endoftext|>",
             "1234567", "3.14", "\r\n", "\n\n\n", "    ", "\t\t", "int main() {", "naïve", "ſ", "'ſ", "İstanbul", "ŉ"]
    everything = [c for c in range(0x20, 0x30000) if unicodedata.category(chr(c)) not in ("Cs", "Cn", "Co")]
    for k in range(count):
        out = []
        for _ in range(r.choice((1, 2, 4, 8, 16, 40))):
            what = r.random()
            if what < 0.45:
                pool = r.choice(pools)
                out.append("".join(r.choice(pool) for _ in range(r.randint(1, 6))))
            elif what < 0.6:
                out.append(r.choice(words))
            elif what < 0.7:
                out.append(chr(r.choice(everything)))
            elif what < 0.8:
                out.append(r.choice(v.tokens).replace("Ġ", " ").replace("▁", " "))
            else:
                out.append(r.choice((" ", " ", "  ", "\n", "")))
        yield "".join(out)


def run(program, path, texts):
    data = b"".join(struct.pack("<I", len(b)) + b for b in (t.encode() for t in texts))
    out = subprocess.run([program, path], input=data, stdout=subprocess.PIPE, check=True).stdout
    at = 0
    while at < len(out):
        n = struct.unpack_from("<I", out, at)[0]
        yield list(struct.unpack_from(f"<{n}i", out, at + 4))
        at += 4 + 4 * n


def main():
    a = argparse.ArgumentParser()
    a.add_argument("program")
    a.add_argument("vocabularies", nargs="+")
    a.add_argument("--strings", type=int, default=100000)
    a.add_argument("--seed", type=int, default=1)
    o = a.parse_args()
    bad = 0
    folder = tempfile.TemporaryDirectory()
    for path in o.vocabularies:
        path, _, pre = path.partition("@")
        if pre:
            path = with_pre(path, pre, folder.name)
        v = vocabulary(path, None)
        specials = [t for t, k in zip(v.tokens, v.types) if k in (2, 3)]
        texts = list(strings(o.strings, v, o.seed))
        # The reference takes some specials for text too, others not: such strings are counted apart.
        expected = (byte_level if v.kind == "gpt2" else sentence_piece)(v)(texts)
        control = {i for i, k in enumerate(v.types) if k in (2, 3)}
        differ, leaked, shown = 0, 0, 0
        for text, want, got in zip(texts, expected, run(o.program, path, texts)):
            leaked += any(i in control for i in got) and v.kind == "gpt2"
            if got == want:
                continue
            differ += 1
            if shown < 5:
                shown += 1
                print("  ", repr(text), "\n   reference", want, "\n   hocket   ", got)
        print(f"{path.split('/')[-1]}: {len(texts)} strings, {differ} differ, {leaked} with a control token")
        bad += differ + leaked
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
