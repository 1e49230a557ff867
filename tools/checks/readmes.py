"""Every folder that holds files has a README.md that says what it is; no file holds a half-done merge."""

import os
import re
import sys

from common import finding, run

# Folders of cases and samples: the README.md above them speaks for them.
DATA = ("tests/golden/", "tests/fuzz/corpus/", "tests/fuzz/seeds/")

# What git leaves where two sides changed the same lines.
UNMERGED = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)


def unmerged(files):
    for path in files.paths:
        if path.startswith(DATA) or not files.is_text(path):
            continue
        text = files.read(path)
        for mark in UNMERGED.finditer(text):
            yield finding(path, text.count("\n", 0, mark.start()) + 1, "a mark of a merge: keep one side, remove the marks")


def check(files):
    folders = {os.path.dirname(p) for p in files.paths if os.path.basename(p) != "README.md"}
    found = list(unmerged(files))
    for folder in sorted(folders):
        if any(part.startswith(".") for part in folder.split("/")):
            continue
        if folder.startswith(DATA):
            continue
        if os.path.basename(folder) == "docs":  # pages of the folder above, linked from its README
            continue
        path = os.path.join(folder, "README.md")
        if path not in files.paths:
            found.append(finding(path, 1, "missing: what is this folder, and what is it not?"))
            continue
        lines = [line for line in files.lines(path) if line.strip()]
        if len(lines) < 2 or not lines[0].startswith("# "):
            found.append(finding(path, 1, "needs a title and at least one line of text"))
    return found


BAD = [
    ("missing", {"README.md": "# a\nb\n", "graph/core/a.cpp": ""}),
    ("mark of a merge", {"README.md": "# a\nb\n<<<<<<< HEAD\nc\n"}),
    ("mark of a merge", {"README.md": "# a\nb\n", "a.cpp": "int a;\n>>>>>>> 62cc5fe (trust: words)\n"}),
    ("needs a title", {"README.md": "# a\nb\n", "graph/a.cpp": "", "graph/README.md": "text\n"}),
]
GOOD = [{"README.md": "# a\nb\n", "graph/a.cpp": "", "graph/README.md": "# graph\nThe contract.\n",
         ".ci/run": "", "tests/golden/README.md": "# golden\nCases.\n", "tests/golden/cli/a.txt": "",
         "graph/docs/page.md": "# page\n=======\nsaid: ' <<<<<<< HEAD'\n"}]

if __name__ == "__main__":
    sys.exit(run(check, BAD, GOOD))
