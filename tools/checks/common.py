"""What every check shares: the files of the tree, findings, the self-test, the command line.

A check is a function from a `tree` to findings. `run` first feeds it deliberately bad trees
(`bad`), each of which must give a finding that contains the given words, and `good` ones, which
must give none: a check that cannot fail is itself a failure.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass


@dataclass
class finding:
    path: str
    line: int
    message: str
    warning: bool = False

    def text(self):
        kind = "warning" if self.warning else "error"
        return f"{self.path}:{self.line}: {kind}: {self.message}"


class skipped(Exception):
    """The check cannot run here; the reason says what is missing."""


class tree:
    """The files of a source tree: what git tracks, and what is new and not ignored."""

    def __init__(self, root, paths=None):
        self.root = root
        if paths is None:
            out = subprocess.run(
                ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                check=True, capture_output=True).stdout.decode()
            paths = [p for p in out.split("\0") if p and os.path.isfile(os.path.join(root, p))]
        self.paths = sorted(set(paths))

    def ending(self, *ends):
        return [p for p in self.paths if p.endswith(ends)]

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as f:
            return f.read()

    def lines(self, path):
        return self.read(path).splitlines()

    def is_text(self, path):
        with open(os.path.join(self.root, path), "rb") as f:
            return b"\0" not in f.read(8192)


def sample_tree(files):
    root = tempfile.mkdtemp(prefix="hocket-check-")
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)
    return tree(root, list(files))


def self_test(check, bad, good):
    """Returns what is wrong with the check itself."""
    wrong = []
    for words, files in bad:
        sample = sample_tree(files)
        found = check(sample)
        if not any(words in f.message for f in found):
            wrong.append(f"a bad sample passed; expected a finding with '{words}', got "
                         f"{[f.message for f in found]}")
        shutil.rmtree(sample.root)
    for files in good:
        sample = sample_tree(files)
        found = check(sample)
        if found:
            wrong.append(f"a good sample failed: {found[0].text()}")
        shutil.rmtree(sample.root)
    return wrong


def run(check, bad, good=()):
    """Entry point of a check: `NAME.py ROOT`. Exit codes: 0 fine, 1 findings, 77 skipped."""
    root = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".")
    try:
        wrong = self_test(check, bad, good)
        if wrong:
            print("self-test: " + "\nself-test: ".join(wrong))
            return 1
        found = check(tree(root))
    except skipped as reason:
        print(f"skipped: {reason}")
        return 77
    for f in found:
        print(f.text())
    return 1 if any(not f.warning for f in found) else 0
