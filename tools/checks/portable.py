"""Nothing names one machine: no absolute paths of a work place, no package registry hosts.

`check:allow` on a line lets it pass.
"""

import re
import sys

from common import finding, run

# Split so that this file does not find itself.
PATHS = re.compile(r"(?<![\w.$}/-])/(work|root|home|tmp|opt|mnt|data|workspace)" + r"/[\w.]")
REGISTRY = re.compile(
    r"https?://[^\s/\"'<>)]*\b(mirror|registry|artifactory|nexus|packages?|pypi|repo|proxy)\b[^\s\"'<>)]*"
    r"|^\s*deb(-src)?\s+(\[[^\]]*\]\s*)?https?:"
    r"|--(extra-)?index-[u]rl|--trusted-[h]ost|\bGOPROXY=|_proxy=[h]ttp", re.I | re.M)


def check(files):
    found = []
    for path in files.paths:
        if not files.is_text(path):
            continue
        for number, line in enumerate(files.lines(path), 1):
            if "check:allow" in line:
                continue
            if match := PATHS.search(line):
                found.append(finding(path, number, f"a path of one machine: {match.group(0)}..."))
            if match := REGISTRY.search(line):
                found.append(finding(path, number, f"names a package registry: {match.group(0)[:60]}"))
    return found


BAD = [
    ("a path of one machine", {"graph/core/a.cpp": 'open("/' + 'tmp/x");\n'}),
    ("a path of one machine", {"configs/a.yaml": "model: /" + "home/me/nano\n"}),
    ("names a package registry", {"tools/a.sh": "pip install --index" + "-url x\n"}),
    ("names a package registry", {"tools/a.sh": "curl https:" + "//mirror.example.org/x\n"}),
]
GOOD = [{"README.md": "See https://example.org/paper, `$TMPDIR/x`, and \"${root}/data/x\".\n",
         "a.cpp": 'f("/' + 'tmp/x");  // check' + ":allow\n"}]

if __name__ == "__main__":
    sys.exit(run(check, BAD, GOOD))
