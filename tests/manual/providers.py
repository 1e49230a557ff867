#!/usr/bin/env python3
"""providers.py HOCKET [--items N] [--only NAME] [--url URL --protocol NAME [--key-env NAME] [--model NAME]]

Asks hosted duplex models, whose keys the environment holds, a few items of the duplex bench through
interaction.remote, and says whether each was heard and answered. It costs the provider's price of N minutes or so
of sound each. With --url: that server alone, such as a `hocket serve` of one's own, which needs no key.
Exit code 77: no key is given, and nobody was asked.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Name: protocol, url, variable of the key, model. Models come and go: --model names another one.
PROVIDERS = {
    "openai-realtime": ("realtime", "wss://api.openai.com/v1", "OPENAI_API_KEY", "gpt-realtime"),
    "openai-live": ("live", "wss://api.openai.com/v1", "OPENAI_LIVE_API_KEY", "gpt-live"),
    "gemini-live": ("gemini", "wss://generativelanguage.googleapis.com", "GEMINI_API_KEY",
                    "gemini-2.5-flash-native-audio-preview-09-2025"),
}


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("hocket", type=pathlib.Path)
    p.add_argument("--items", type=int, default=2)
    p.add_argument("--only", choices=sorted(PROVIDERS))
    p.add_argument("--url")
    p.add_argument("--protocol", default="realtime")
    p.add_argument("--key-env", default="")
    p.add_argument("--model", default="")
    return p.parse_args()


def chosen(given):
    if given.url:
        return {given.url: (given.protocol, given.url, given.key_env, given.model or "hocket")}
    return {name: (protocol, url, key, given.model or model)
            for name, (protocol, url, key, model) in PROVIDERS.items()
            if os.environ.get(key) and given.only in (None, name)}


def ask(hocket, items, protocol, url, key_env, model):
    """Whether it answered: something was heard of it in every item, after the question began."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [hocket, "eval", "duplex", "configs/graphs/parts/far.yaml", "--real-time", "--family", "turn",
             "--items", str(items), "--input", "mic.audio", "--out", folder, "--param", f"protocol={protocol}",
             "--param", f"url={url}", "--param", f"key_env={key_env}", "--param", f"model={model}"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        report = pathlib.Path(folder) / "report.json"
        if not report.exists():
            return False, done.stdout[-2000:]
        heard = json.loads(report.read_text())["items"]
        values = [item.get("values", {}) for item in heard.values()]
        seconds = [v["latency_s"] for v in values if "latency_s" in v]
        told = f"{len(seconds)} of {items} items answered"
        if seconds:
            told += f", after {sum(seconds) / len(seconds):.2f} s on average"
        return len(seconds) == items, told if seconds else told + "\n" + done.stdout[-2000:]


def main():
    given = arguments()
    asked = chosen(given)
    if not asked:
        print("no key is given: set one of", ", ".join(sorted({p[2] for p in PROVIDERS.values()})))
        return 77
    failed = False
    for name, (protocol, url, key_env, model) in asked.items():
        good, told = ask(given.hocket.resolve(), given.items, protocol, url, key_env, model)
        print(f"{'ok' if good else 'FAILED'}: {name} ({model}): {told}", flush=True)
        failed = failed or not good
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
