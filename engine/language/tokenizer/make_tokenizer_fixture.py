#!/usr/bin/env python3
"""Trains tiny vocabularies and writes what the reference implementations make of awkward text.

Needs PyPI tokenizers and sentencepiece. Usage: python3 make_tokenizer_fixture.py > tokenizer_fixture.json
"""
import io
import json
import sys

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as pb
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from compare_tokenizers import FAMILIES

CORPUS = """The quick brown fox doesn't jump over 12345 lazy dogs; they've seen it all, haven't they?
In 1998 the temperature was 23.5 degrees, and I'll say it's colder now. Hello world! Hello, World!
int main() {\n    return 0;\n}\n\n\tfor (int i = 0; i < 100; ++i) printf("%d\\n", i);\n
Übergrößenträger naïve café résumé Привет мир, как дела? 你好，世界！日本語のテキスト 한국어 العربية हिन्दी ไทย
<tool>{"name": "clock", "arguments": {"zone": "Europe/Berlin"}}</tool> 😀 👍🏽 ½ ² Ⅷ ١٢٣
""" * 4

STRINGS = [
    "", " ", "  ", "   ", "\n", "\n\n", " \n \n", "\t\tx", "a", "Hello world", " Hello  world ", "Hello, World! It's they've DON'T can'T",
    "12345678", "1 22 333 4444", "3.14159", "x=1;y=22", "int main() {\n    return 0;\n}", "a\r\nb\r\n\r\nc", "tab\tand\u00a0nbsp\u2003em\u3000ideographic",
    "zero\u200bwidth\u180evowel\ufeffbom", "e\u0301cole cafe\u0301 a\u0308", "Übergrößenträger", "'ſ 'S 's '", "ÄÖÜ ǅ ŉ İi", "Привет, мир!", "你好世界123日本語テキスト",
    "한국어 텍스트", "العربية ١٢٣", "हिन्दी क्षि", "ไทยภาษา", "😀👍🏽👨‍👩‍👧", "½²³Ⅷ①", "foo/bar\\baz//qux", "http://a.b/c?d=e&f=g#h", "a" * 70, " " * 40, "!!!???...", "snake_case camelCase",
    "<s> </s> <|im_end|> <0x0A>", "<tool>{\"a\": 1}</tool>", "\u2581mark\u2581", "…—“quoted”", "𝔘𝟘𐐀", "\x00\x01\x7f", "\u0085next\u2028line", "mixed你a好1é",
]


def byte_level():
    base = Tokenizer(models.BPE())
    base.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(FAMILIES["llama-bpe"][0][0]), "isolated"),
                                                  pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    base.train_from_iterator([CORPUS], trainers.BpeTrainer(vocab_size=560, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    model = json.loads(base.to_str())["model"]
    families = {}
    for name, (splits, whole, compose) in FAMILIES.items():
        t = Tokenizer(models.BPE(vocab=model["vocab"], merges=[tuple(m) for m in model["merges"]], ignore_merges=whole))
        if compose:
            t.normalizer = normalizers.NFC()
        t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(s), "isolated") for s in splits]
                                                  + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        families[name] = {"splits": splits, "whole_words": whole, "composes": compose,
                          "ids": [e.ids for e in t.encode_batch(STRINGS)]}
    t.add_special_tokens([AddedToken("<|im_start|>", special=True), AddedToken("<|im_end|>", special=True, rstrip=True)])
    t.add_tokens(["<tool>"])
    return {"vocab": model["vocab"], "merges": model["merges"], "families": families, "tokenizer_json": json.loads(t.to_str()),
            "with_specials": [[s, t.encode(s).ids] for s in ("<|im_start|>user\nhi<|im_end|> \nthere", "<tool>x<|im_end|><|im_end|>")]}


def sentence_piece():
    out = io.BytesIO()
    spm.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS.splitlines()), model_writer=out, vocab_size=480, model_type="bpe",
                                   byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
                                   character_coverage=0.98, minloglevel=2)
    model = pb.ModelProto.FromString(out.getvalue())
    p = spm.SentencePieceProcessor(model_proto=out.getvalue())
    # GGUF's token types are SentencePiece's.
    return {"tokens": [x.piece for x in model.pieces], "scores": [x.score for x in model.pieces],
            "types": [x.type for x in model.pieces], "ids": [p.encode(s) for s in STRINGS]}


json.dump({"strings": STRINGS, "byte_level": byte_level(), "sentencepiece": sentence_piece()}, sys.stdout, ensure_ascii=True, separators=(",", ":"))
print()
