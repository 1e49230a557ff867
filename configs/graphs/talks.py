"""What the scripts beside graphs (`reason/talk.py`, `assistant/talk.py`) share."""

import json
import os
import sys


def python_package(tree):
    """The folder of the package `hocket`: of this tree, or of the prefix where it is installed."""
    return next((p for p in (tree / "plugins/python", tree / "python") if (p / "hocket").is_dir()), tree / "python")


def given(options, name):
    """Whether `--param NAME=…` is among the options."""
    return any(o == f"--param={name}" or o.startswith((f"{name}=", f"--param={name}=")) for o in options)


def recorded(options, kind):
    """The words of the lines of one kind in the run's `record.jsonl`, in order."""
    out = "out"
    for i, o in enumerate(options):
        out = options[i + 1] if o == "--out" else o[6:] if o.startswith("--out=") else out
    with open(os.path.join(out, "record.jsonl"), encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    return " ".join(line.get("content", line.get("text", "")) for line in lines if line.get("kind") == kind)


def wrong_answers(said, expected):
    """3 where one of the expected answers is not in what was said, in order; else 0."""
    at = 0
    for answer in expected:
        at = said.find(answer, at)
        if at < 0:
            print(f"error: no `{answer}` where it was expected: {said!r}", file=sys.stderr)
            return 3
    return 0
