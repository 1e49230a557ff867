"""Every graph under configs/graphs validates: no device, no network, no weights needed."""

import os
import sys

import commands
from common import finding, run

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


def check(files):
    found = []
    for path in files.ending(".yaml"):
        if not path.startswith("configs/graphs/"):
            continue
        code, out = commands.call(ROOT, "validate", os.path.join(files.root, path))
        if code != 0:
            errors = [line for line in out.splitlines() if "error" in line] or out.splitlines()[-1:]
            found.append(finding(path, 1, f"does not validate: {'; '.join(errors)}"))
    return found


BAD = [("does not validate",
        {"configs/graphs/a.yaml": "hocket: 1\nname: a\nactors:\n  x: {component: no.such_thing}\n"})]

if __name__ == "__main__":
    sys.exit(run(check, BAD))
