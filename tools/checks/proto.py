"""Messages: a comment above every field, X_UNSPECIFIED = 0, deleted numbers reserved, proto3."""

import re
import sys

from common import finding, run

FIELD = re.compile(r"^\s*(?:optional\s+|repeated\s+)?(map\s*<[^>]+>|[\w.]+)\s+(\w+)\s*=\s*(\d+)\s*(\[.*\])?;")
VALUE = re.compile(r"^\s*(\w+)\s*=\s*(-?\d+)\s*(\[.*\])?;")
BLOCK = re.compile(r"^\s*(message|enum|oneof|service|extend)\s+(\w+)\s*\{(.*)$")


def upper_snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def numbers_of(text):
    """The numbers in `reserved 2, 5 to 7;`."""
    out = set()
    for part in text.split(","):
        match = re.match(r"\s*(\d+)(?:\s+to\s+(\d+|max))?\s*$", part)
        if match:
            last = match.group(2) or match.group(1)
            out.update(range(int(match.group(1)), 1 + int(match.group(1) if last == "max" else last)))
    return out


class block:
    def __init__(self, kind, name, line):
        self.kind, self.name, self.line = kind, name, line
        self.used, self.reserved = {}, set()


def check_file(path, lines):
    found, stack = [], []
    text = "\n".join(lines)
    if not re.search(r'^syntax\s*=\s*"proto3";', text, re.M):
        found.append(finding(path, 1, 'no `syntax = "proto3";`'))
    if not re.search(r"^package\s+hocket(\.\w+)*;", text, re.M):
        found.append(finding(path, 1, "no `package hocket...;`"))
    commented = False
    for number, raw in enumerate(lines, 1):
        line = re.sub(r"//.*", "", raw)
        if not line.strip():
            commented = raw.strip().startswith("//")
            continue
        opened = BLOCK.match(line)
        if opened:
            kind, name = opened.group(1), opened.group(2)
            if kind != "oneof" and not commented:
                found.append(finding(path, number, f"{kind} {name} has no comment above it"))
            stack.append(block(kind, name, number))
            if "}" in opened.group(3):
                stack.pop()
        elif stack and (match := re.match(r"^\s*reserved\s+(.*);", line)):
            owner(stack).reserved |= numbers_of(match.group(1))
        elif stack and stack[-1].kind == "enum" and (match := VALUE.match(line)):
            enum = stack[-1]
            if int(match.group(2)) == 0 and match.group(1) != upper_snake(enum.name) + "_UNSPECIFIED":
                found.append(finding(path, number, f"enum {enum.name}: zero must be "
                                                   f"{upper_snake(enum.name)}_UNSPECIFIED"))
            use(found, path, number, enum, int(match.group(2)), match.group(1))
            if int(match.group(2)) != 0 and not commented and "//" not in raw:
                found.append(finding(path, number, f"value {match.group(1)} has no comment"))
        elif stack and stack[-1].kind != "service" and (match := FIELD.match(line)):
            use(found, path, number, owner(stack), int(match.group(3)), match.group(2))
            if not commented:
                found.append(finding(path, number, f"field {match.group(2)} has no comment above it"))
        elif stack and "}" in line:
            closed = stack.pop()
            if closed.kind in ("message", "enum"):
                gaps(found, path, closed)
        commented = False
    return found


def owner(stack):
    """Fields of a oneof count in the message around it."""
    return stack[-2] if stack[-1].kind == "oneof" and len(stack) > 1 else stack[-1]


def use(found, path, line, where, number, name):
    if number in where.used:
        found.append(finding(path, line, f"number {number} is used twice in {where.name}"))
    if number in where.reserved:
        found.append(finding(path, line, f"{name} takes reserved number {number} of {where.name}"))
    where.used[number] = name


def gaps(found, path, closed):
    if closed.kind == "enum" and 0 not in closed.used:
        found.append(finding(path, closed.line, f"enum {closed.name} has no zero value"))
    first = 0 if closed.kind == "enum" else 1
    free = set(range(first, max(closed.used, default=0))) - set(closed.used) - closed.reserved
    if free and closed.kind == "message":
        found.append(finding(path, closed.line, f"{closed.name}: numbers {sorted(free)} are neither "
                                                "used nor reserved (was a field deleted?)"))


# What others define and we speak lies where it is spoken.
PROTOCOLS_OF_OTHERS = {"actors/gateway/tinker/wire/tinker.proto"}


def check(files):
    found = []
    for path in files.ending(".proto"):
        found += check_file(path, files.lines(path))
        if not path.startswith("graph/schema/") and path not in PROTOCOLS_OF_OTHERS:
            found.append(finding(path, 1, "messages are defined in graph/schema/ only"))
    return found


HEAD = 'syntax = "proto3";\npackage hocket.wire;\n'
BAD = [
    ("no comment above", {"graph/schema/a.proto": HEAD + "// M.\nmessage M {\n  int32 a = 1;\n}\n"}),
    ("zero must be", {"graph/schema/a.proto": HEAD + "// E.\nenum LinkKind {\n  NONE = 0;\n}\n"}),
    ("neither used nor reserved",
     {"graph/schema/a.proto": HEAD + "// M.\nmessage M {\n  // a.\n  int32 a = 1;\n  // c.\n  int32 c = 3;\n}\n"}),
    ("takes reserved number",
     {"graph/schema/a.proto": HEAD + "// M.\nmessage M {\n  reserved 1;\n  // a.\n  int32 a = 1;\n}\n"}),
    ("used twice",
     {"graph/schema/a.proto": HEAD + "// M.\nmessage M {\n  // a.\n  int32 a = 1;\n  // b.\n  string b = 1;\n}\n"}),
    ("no `syntax", {"graph/schema/a.proto": "package hocket;\n"}),
    ("graph/schema/ only", {"actors/a.proto": HEAD}),
]
GOOD = [{"graph/schema/a.proto": HEAD + "// M.\nmessage M {\n  reserved 2;\n  // a, in ms.\n  int32 a = 1;\n"
         "  oneof body {\n    // c.\n    string c = 3;\n  }\n}\n// E.\nenum LinkKind {\n"
         "  LINK_KIND_UNSPECIFIED = 0;\n  // One.\n  LINK_KIND_ONE = 1;\n}\n"}]

if __name__ == "__main__":
    sys.exit(run(check, BAD, GOOD))
