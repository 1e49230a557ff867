"""`hocket bench parallel`: several processes hold a model, and all have the bits of one.

Usage: test_parallel.py PROGRAM SOURCE_FOLDER
"""

import json
import os
import struct
import subprocess
import sys
import tempfile

faults = []


def expect(what, fine, seen=""):
    if not fine:
        faults.append(f"{what}: {seen}")


def mixture(folder, source):
    """A model with experts, as a folder: a fixture with its config beside it."""
    path = os.path.join(source, "engine/language/network/parity/qwen3_moe.safetensors")
    with open(path, "rb") as f:
        weights = f.read()
    size = struct.unpack("<Q", weights[:8])[0]
    config = json.loads(weights[8:8 + size])["__metadata__"]["config"]
    for name, content in (("config.json", config.encode()), ("model.safetensors", weights)):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(content)


def main():
    program, source = sys.argv[1:]
    sys.path.insert(0, os.path.join(source, "tests/integration/tinker"))
    import tiny_model

    def bench(model, *more):
        return subprocess.run([program, "bench", "parallel", "--language-model", model, "--quick", "--json", *more],
                              capture_output=True, text=True, timeout=300)

    with tempfile.TemporaryDirectory() as folder:
        dense, experts = (os.path.join(folder, name) for name in ("dense", "experts"))
        os.mkdir(experts)
        tiny_model.write(dense)
        mixture(experts, source)
        for model in (dense, experts):
            for processes in (2, 3):
                run = bench(model, "--processes", str(processes))
                what = f"{os.path.basename(model)}, {processes} processes"
                expect(what + ": exit code", run.returncode == 0, run.stderr)
                if run.returncode:
                    continue
                figures = {m["name"]: m["value"] for m in json.loads(run.stdout)["measures"]}
                expect(what + ": how many", figures["parallel.processes"] == processes, figures)
                expect(what + ": bits", figures["parallel.same_bits"] == 1, figures)
                expect(what + ": nothing was exchanged", figures["parallel.given_kib_per_token"] > 0, figures)
        run = bench(dense, "--processes", "1")
        expect("one process", run.returncode == 2 and "2 to 64 processes" in run.stderr, run.stderr)
        run = bench(os.path.join(folder, "none"))
        expect("no model", run.returncode == 2 and "none" in run.stderr, run.stderr)
    for fault in faults:
        print("failed:", fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
