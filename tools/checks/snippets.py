"""Commands and files shown in READMEs work.

Every ```bash block must be correct shell, and the tools/ scripts and `hocket` commands that it calls
must exist. A comment on the line above the fence asks for more:

    <!-- check: run -->            the block is executed in the root of the tree; it must succeed and
                                   leave the tree as it was (out/ and build*/ apart)
    <!-- check: validate -->       a ```yaml block: written to a file and given to `hocket validate`
    <!-- check: part of PATH -->   the block is, line by line, part of that file
"""

import os
import re
import subprocess
import sys
import tempfile

import commands
from common import finding, run, skipped

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
MARK = re.compile(r"^\s*<!--\s*check:\s*(run|validate|part of \S+)\s*-->\s*$")
FENCE = re.compile(r"^\s*```(\w*)\s*$")


def blocks(lines):
    """(line, language, mark or None, text) of each fenced block."""
    i, mark = 0, None
    while i < len(lines):
        if match := MARK.match(lines[i]):
            mark = match.group(1)
        elif match := FENCE.match(lines[i]):
            start, body = i + 1, []
            i += 1
            while i < len(lines) and not FENCE.match(lines[i]):
                body.append(lines[i])
                i += 1
            yield start, match.group(1), mark, "\n".join(body) + "\n"
            mark = None
        elif lines[i].strip():
            mark = None
        i += 1


def known_commands():
    code, out = commands.call(ROOT, "--help")
    return set(re.findall(r"^\s{2,}([a-z]+)\b", out, re.M)) if code == 0 else set()


def status(root):
    out = subprocess.run(["git", "-C", root, "status", "--porcelain"], capture_output=True, text=True)
    return out.stdout


def check_shell(path, line, text, files):
    found = []
    out = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
    if out.returncode:
        found.append(finding(path, line, f"not correct shell: {out.stderr.strip()}"))
    for script in re.findall(r"(?<![\w/.-])(tools/[\w/]+)(?![\w.])", text):
        if not os.path.exists(os.path.join(files.root, script)):
            found.append(finding(path, line, f"{script} does not exist"))
    used = set(re.findall(r"^\s*(?:build/)?hocket\s+([a-z]+)", text, re.M))
    if used:
        try:
            for name in sorted(used - known_commands()):
                found.append(finding(path, line, f"there is no command `hocket {name}`"))
        except skipped:
            pass
    return found


def check(files):
    found = []
    for path in files.ending("README.md"):
        for line, language, mark, text in blocks(files.lines(path)):
            if language in ("bash", "sh"):
                found += check_shell(path, line, text, files)
            if mark == "run":
                before = status(files.root)
                try:
                    out = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=files.root,
                                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
                    if out.returncode:
                        tail = (out.stdout + out.stderr).strip().splitlines()[-3:]
                        found.append(finding(path, line, f"failed with {out.returncode}: {' | '.join(tail)}"))
                except subprocess.TimeoutExpired:
                    found.append(finding(path, line, "ran for more than 180 s"))
                if status(files.root) != before:
                    found.append(finding(path, line, "changed the tree"))
            elif mark == "validate":
                with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
                    f.write(text)
                    f.flush()
                    code, out = commands.call(ROOT, "validate", f.name)
                if code:
                    found.append(finding(path, line, f"does not validate: {out.strip()}"))
            elif mark:
                target = mark.removeprefix("part of ")
                if target not in files.paths or text not in files.read(target):
                    found.append(finding(path, line, f"is not part of {target}"))
    return found


BAD = [
    ("not correct shell", {"README.md": "# x\n```bash\nif true; then\n```\n"}),
    ("does not exist", {"README.md": "# x\n```bash\ntools/gone --all\n```\n"}),
    ("failed with 3", {"README.md": "# x\n<!-- check: run -->\n```bash\nexit 3\n```\n"}),
    ("is not part of", {"README.md": "# x\n<!-- check: part of a.cpp -->\n```cpp\nint g();\n```\n",
                        "a.cpp": "int f();\n"}),
]
GOOD = [{"README.md": "# x\n<!-- check: run -->\n```bash\ntrue\n```\n<!-- check: part of a.cpp -->\n"
         "```cpp\nint f();\n```\n", "a.cpp": "int f();\n"}]

if __name__ == "__main__":
    sys.exit(run(check, BAD, GOOD))
