"""Every header compiles alone.

A header whose own x.cpp includes it first is proven by the build. The others are compiled alone
with -fsyntax-only, with the flags of a neighbour in compile_commands.json, in parallel. What passed
is remembered by a hash of the header, of every header of ours below it, the flags and the compiler.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys

from common import finding, run, skipped

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
BUILD = os.environ.get("HOCKET_BUILD", "build")


def commands(root):
    """Folder -> (compiler, flags that matter for a header)."""
    path = os.path.join(root, BUILD, "compile_commands.json")
    if not os.path.exists(path):
        return {}, set()
    out, built = {}, set()
    with open(path, encoding="utf-8") as f:
        entries = json.load(f)
    for entry in entries:
        words = shlex.split(entry["command"])
        while words and os.path.basename(words[0]) in ("ccache", "sccache"):
            words.pop(0)
        flags, i = [], 1
        while i < len(words):
            word = words[i]
            if word in ("-I", "-isystem", "-D"):
                flags += [word, words[i + 1]]
                i += 1
            elif word.startswith(("-I", "-D", "-std", "-W", "-fsanitize", "-m", "-pthread")):
                flags.append(word)
            i += 1
        source = os.path.relpath(entry["file"], root)
        built.add(source)
        folder = os.path.dirname(source)
        if len(flags) > len(out.get(folder, ("", []))[1]):
            out[folder] = (words[0], flags)
    return out, built


def flags_for(header, known, root):
    folder = os.path.dirname(header)
    while folder:
        if folder in known:
            return known[folder]
        below = [f for f in known if f.startswith(folder + "/")]
        if below:
            return known[sorted(below)[0]]
        folder = os.path.dirname(folder)
    return "c++", ["-std=c++20", "-I", root]


def closure(header, files, seen):
    """The header and every header of the tree that it includes, in order of first sight."""
    if header in seen or header not in files.paths:
        return
    seen[header] = True
    for target in INCLUDE.findall(files.read(header)):
        closure(target, files, seen)


def compile_alone(header, compiler, flags, root):
    source = f'#include "{header}"\n'
    out = subprocess.run([compiler, "-x", "c++", *flags, "-I", root, "-fsyntax-only", "-"],
                         input=source, capture_output=True, text=True, cwd=root)
    if out.returncode == 0:
        return None
    errors = [line for line in out.stderr.splitlines() if "error:" in line]
    return errors[0] if errors else out.stderr[:300]


def check(files):
    known, built = commands(files.root)
    sample = "README.md" not in files.paths
    if not known and not sample:
        raise skipped(f"no {BUILD}/compile_commands.json yet: build first")
    cache_path = os.path.join(files.root, BUILD, "checks", "headers.txt")
    passed = set()
    if os.path.exists(cache_path):
        with open(cache_path, encoding="utf-8") as f:
            passed = set(f.read().split())
    version = subprocess.run(["c++", "--version"], capture_output=True, text=True).stdout
    work, keys = [], set()
    for header in files.ending(".hpp"):
        own = header[:-4] + ".cpp"
        if own in built:
            first = INCLUDE.search(files.read(own))
            before = files.read(own)[:first.start()] if first else ""
            if first and first.group(1) == header and "#include" not in before:
                continue
        compiler, flags = flags_for(header, known, files.root)
        seen = {}
        closure(header, files, seen)
        text = version + compiler + " ".join(flags) + "".join(files.read(h) for h in seen)
        key = hashlib.sha256(text.encode()).hexdigest()
        if key in passed:
            keys.add(key)
        else:
            work.append((header, compiler, flags, key))
    found = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        jobs = [(pool.submit(compile_alone, h, c, f, files.root), h, k) for h, c, f, k in work]
        for job, header, key in jobs:
            error = job.result()
            if error:
                found.append(finding(header, 1, f"does not compile alone: {error}"))
            else:
                keys.add(key)
    if not sample:
        os.makedirs(os.path.dirname(cache_path), exist_ok=True)
        with open(cache_path, "w", encoding="utf-8") as f:
            f.write("\n".join(sorted(keys)) + "\n")
    return found


BAD = [("does not compile alone", {"graph/core/a.hpp": "inline std::string f() { return {}; }\n"})]
GOOD = [{"graph/core/a.hpp": '#include "graph/core/b.hpp"\ninline b f() { return {}; }\n',
         "graph/core/b.hpp": "#pragma once\nstruct b {};\n"}]

if __name__ == "__main__":
    sys.exit(run(check, BAD, GOOD))
