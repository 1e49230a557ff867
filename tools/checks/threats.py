"""Each test that the threat table and the table of further cases name exists; no row is empty."""

import fnmatch
import re
import sys

from common import finding, run

THREATS, FURTHER = "graph/trust/SECURITY.md", "graph/trust/docs/further-cases.md"
FEWEST_FURTHER = 50


def rows(files, path, heading):
    """(line, cells) of the table below a heading."""
    below, header = False, True
    for n, line in enumerate(files.lines(path), 1):
        if line.startswith("#"):
            below = line.lstrip("#").strip() == heading
        elif below and line.startswith("|"):
            if header or set(line) <= set("|- "):
                header = False
                continue
            yield n, [c.strip() for c in line.strip().strip("|").split("|")]


def file_of(files, name):
    """The file that a test's name stands for, or none."""
    if re.fullmatch(r"security_\w+", name):
        name = f"tests/security/test_{name.removeprefix('security_')}.py"
    is_test = name.endswith((".test.cpp", ".test.js")) or name.startswith("tests/") and name.endswith((".py", ".sh", ".cpp"))
    found = fnmatch.filter(files.paths, name) if is_test else []
    return found[0] if found else None


def check(files):
    out, seen = [], {}
    for n, cells in rows(files, THREATS, "Threats"):
        if len(cells) != 4 or not all(cells):
            out.append(finding(THREATS, n, "a row says attacker, way in, what stops it, test"))
            continue
        names = re.findall(r"`([^`]+)`", cells[3])
        if not names:
            out.append(finding(THREATS, n, "names no test"))
        out += [finding(THREATS, n, f"`{name}`: there is no such test") for name in names if file_of(files, name) is None]
    for n, cells in rows(files, FURTHER, "Cases"):
        names = re.findall(r"`([^`]+)`", cells[-1])
        if len(cells) != 4 or not all(cells) or len(names) != 1:
            out.append(finding(FURTHER, n, "a row says case, kind, how it ends, test"))
            continue
        path, name = file_of(files, names[0]), cells[0].strip("`")
        if path is None:
            out.append(finding(FURTHER, n, f"`{names[0]}`: there is no such test"))
        elif f'"{name}"' not in files.read(path):
            out.append(finding(FURTHER, n, f"{path} has no case \"{name}\""))
        if name in seen:
            out.append(finding(FURTHER, n, f"`{name}` stands in line {seen[name]}, too"))
        seen[name] = n
    if len(seen) < FEWEST_FURTHER:
        out.append(finding(FURTHER, 1, f"{len(seen)} cases of {FEWEST_FURTHER}"))
    return out


def sample(threat="| a | b | c | `security_x` |", case='| `c{}` | k | ends | `security_x` |', n=50):
    names = "\n".join(f'"c{i}"' for i in range(50))
    return {THREATS: f"## Threats\n| attacker | way in | what stops it | test |\n|---|---|---|---|\n{threat}\n",
            FURTHER: "## Cases\n| case | kind | ends | test |\n|---|---|---|---|\n"
                     + "".join(case.format(i) + "\n" for i in range(n)),
            "tests/security/test_x.py": names, "graph/a.test.cpp": ""}


BAD = [("no such test", sample("| a | b | c | `security_y` |")),
       ("no such test", sample("| a | b | c | `graph/b.test.cpp` |")),
       ("no such test", sample("| a | b | c | `graph` |")),
       ("names no test", sample("| a | b | c | by reading |")),
       ("a row says attacker", sample("| a | b |  | `security_x` |")),
       ("has no case", sample(case="| `d{}` | k | ends | `security_x` |")),
       ("stands in line", sample(case="| `c1` | k | ends | `security_x` |")),
       ("a row says case", sample(case="| `c{}` | k | | `security_x` |")),
       ("49 cases of 50", sample(n=49))]
GOOD = [sample(), sample("| a | b | c | `graph/*.test.cpp`, `security_x` |")]

if __name__ == "__main__":
    sys.exit(run(check, BAD, GOOD))
