"""What `hocket docs` writes (configs/schema.json, tables in component READMEs) is up to date."""

import os
import shutil
import sys

import commands
from common import finding, run, sample_tree, tree

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


def check(files):
    code, out = commands.call(files.root, "docs", "--check")
    if code == 0:
        return []
    lines = [line for line in out.splitlines() if line.strip()] or [f"exit code {code}"]
    return [finding("configs/schema.json", 1, f"generated files differ (mend: hocket docs): {line}")
            for line in lines[:20]]


def can_fail():
    """A tree whose generated files were changed by hand must be found."""
    here = tree(ROOT)
    sample = sample_tree({p: here.read(p) for p in here.ending("README.md", "configs/schema.json")
                          if not p.startswith("configs/models/")})
    path = os.path.join(sample.root, "configs", "schema.json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write("{}\n")
    os.makedirs(os.path.join(sample.root, commands.BUILD))
    os.symlink(commands.program(ROOT), os.path.join(sample.root, commands.BUILD, "hocket"))
    code, _ = commands.call(sample.root, "docs", "--check")
    shutil.rmtree(sample.root)
    return code != 0


if __name__ == "__main__":
    result = run(check, [])
    if result == 0 and not can_fail():
        print("self-test: a schema changed by hand passed")
        result = 1
    sys.exit(result)
