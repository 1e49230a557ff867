"""Every graph under configs/graphs validates, without a warning: no device, no network, no weights needed."""

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
        # What plugins declare is known once they are loaded; what a part leaves open, another graph has.
        for line in () if path.startswith("configs/graphs/parts/") else out.splitlines():
            if "warning:" in line and "[graph.not-checked]" not in line:
                found.append(finding(path, 1, f"warns: {line}"))
    return found


BAD = [("does not validate",
        {"configs/graphs/a.yaml": "hocket: 1\nname: a\nactors:\n  x: {component: no.such_thing}\n"}),
       ("warns: ",
        {"configs/graphs/b.yaml": "hocket: 1\nname: b\nactors:\n  mic: {component: text.console}\n"
                                  "  g: {component: policy.guard, rules: a.yaml, inputs: {typed: mic.text}}\n"})]

if __name__ == "__main__":
    sys.exit(run(check, BAD))
