"""A source file under about 400 lines: a warning, not an error."""

import sys

from common import finding, run

LIMIT = 400


def check(files):
    found = []
    for path in files.ending(".hpp", ".cpp", ".py", ".sh", ".cmake", ".proto"):
        count = len(files.lines(path))
        if count > LIMIT:
            found.append(finding(path, count, f"{count} lines; about {LIMIT} is the limit", warning=True))
    return found


BAD = [("401 lines", {"graph/core/a.cpp": "\n" * 401})]
GOOD = [{"graph/core/a.cpp": "\n" * 400}]

if __name__ == "__main__":
    sys.exit(run(check, BAD, GOOD))
