"""Links between pages lead somewhere: files and folders of the tree, and headings in them."""

import os
import re
import sys
import unicodedata

from common import finding, run

# Pages of other programs' making.
NOT_OURS = ("tests/golden/", "tests/fuzz/corpus/", "tests/fuzz/seeds/")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^\s*(```|~~~)")


def links(lines):
    """(line, target) of each link outside code."""
    fenced = False
    for i, line in enumerate(lines, 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            for match in LINK.finditer(re.sub(r"`[^`]*`", lambda m: "x" * len(m.group()), line)):
                yield i, match.group(1)


def anchors(lines):
    """The names of a page's headings, as sites make them."""
    out, fenced = set(), False
    for line in lines:
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced and line.startswith("#"):
            plain = unicodedata.normalize("NFKD", line.lstrip("#").strip().lower())
            out.add(re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", plain)))
    return out


def check(files):
    found = []
    folders = {os.path.dirname(p) for p in files.paths}
    folders |= {f[:i] for f in folders for i, c in enumerate(f) if c == "/"}
    for path in files.ending(".md"):
        if path.startswith(NOT_OURS):
            continue
        for line, target in links(files.lines(path)):
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue  # of the world outside: no business of a check without a network
            name, _, anchor = target.partition("#")
            there = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
            if there not in files.paths and there not in folders:
                found.append(finding(path, line, f"leads nowhere: {target}"))
            elif anchor and there.endswith(".md") and anchor not in anchors(files.lines(there)):
                found.append(finding(path, line, f"{there} has no heading `#{anchor}`"))
    return found


BAD = [
    ("leads nowhere: b.md", {"README.md": "# a\n[b](b.md)\n"}),
    ("leads nowhere: ../c.png", {"d/README.md": "# a\n![c](../c.png)\n"}),
    ("no heading `#there`", {"README.md": "# a\n[b](#there)\n"}),
    ("no heading `#x`", {"README.md": "# a\n[b](b.md#x)\n", "b.md": "# y\n```\n# x\n```\n"}),
]
GOOD = [{"README.md": "# a b\n[b](d/b.md#one-two) [d](d) [a](#a-b) [w](https://x.org/y)\n`[c](c.md)`\n```\n[c](c.md)\n```\n",
         "d/b.md": "# b\n## One, two\n[up](../README.md)\n"}]

if __name__ == "__main__":
    sys.exit(run(check, BAD, GOOD))
