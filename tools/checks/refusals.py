"""Whatever the training server refuses by name has its line in actors/governance/docs/refusals.md."""

import re
import sys

from common import finding, run

PAGE = "actors/governance/docs/refusals.md"
ROOMS = ("actors/gateway/tinker/", "engine/lora/")
# How a message reads that refuses for good, whoever asks and whatever the numbers are.
REFUSES = re.compile(r"\b(?:not|only \w+ (?:is|are)) offered\b|\breads text only\b|\b(?:do|does) not run\b|\bis not supported\b")
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"')


def messages(text):
    """The literals of each statement, put together, with the line of the first."""
    text = re.sub(r"^\s*//.*", "", text, flags=re.M)
    for statement in re.finditer(r"[^;]*;", text):
        pieces = list(STRING.finditer(statement.group()))
        if pieces:
            yield text.count("\n", 0, statement.start() + pieces[0].start()) + 1, " ".join(" ".join(p.group(1) for p in pieces).split())


def check(files):
    if PAGE not in files.paths:
        return [finding(PAGE, 1, "the page of what is refused is missing")]
    rows = [line.split("|")[1] for line in files.lines(PAGE) if line.startswith("| `")]
    told = [re.compile(r"(?<!\w)" + re.escape(t) + r"(?!\w)") for row in rows for t in re.findall(r"`([^`]+)`", row)]
    out = []
    for path in files.ending(".cpp"):
        if not path.startswith(ROOMS) or path.endswith((".test.cpp", ".bench.cpp")):
            continue
        out += [finding(path, line, f"refused by name, and {PAGE} has no line for it: \"{message[:80]}\"")
                for line, message in messages(files.read(path))
                if REFUSES.search(message) and not any(t.search(message) for t in told)]
    return out


SAID = {PAGE: "| `echo`, `text only` | x |\n| x | `late` |\n"}
TINKER = "actors/gateway/tinker/a.cpp"
BAD = [("no line for it", {**SAID, TINKER: 'return bad("optimizer_config: " + type +\n " is not offered");\n'}),
       ("no line for it", {**SAID, "engine/lora/b.cpp": 'f();\nreturn fail("x", "loss `echoes` does not run here");\n'}),
       ("no line for it", {**SAID, "engine/lora/c.cpp": 'f(fmt::format("late: {} is not supported", k));\n'}),
       ("is missing", {"engine/lora/d.cpp": "f();\n"})]
GOOD = [{**SAID, TINKER: 'return bad("echo: with logprobs it is not "\n"offered");\n// `new` is not offered\n'
         'return bad("prompt must be text");\nreturn bad("a model that reads text only");\n'},
        {**SAID, "engine/language/e.cpp": 'bad("`x` is not supported");\n', "engine/lora/f.test.cpp": 'bad("`x` is not supported");\n'}]

if __name__ == "__main__":
    sys.exit(run(check, BAD, GOOD))
