#!/usr/bin/env python3
"""Renders chat templates with Hocket and with Python's jinja2, as Hugging Face sets it up, and compares.

    compare_templates.py PROGRAM TEMPLATE.jinja...

PROGRAM reads JSON lines {"source", "variables"} and writes {"out"} or {"error"}. The templates are
those of the source package of PyPI `llama-cpp-python` (vendor/llama.cpp/models/templates). Where
jinja2 raises, Hocket must give an error too.
"""
import datetime
import json
import subprocess
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox

NOW = datetime.datetime.fromtimestamp(1795860000, datetime.timezone.utc)


class generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_run"), [], [], body).set_lineno(line)

    def _run(self, caller):
        return caller()


def environment():
    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    e = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[generation, jinja2.ext.loopcontrols])
    e.filters["tojson"] = tojson
    e.globals.update(raise_exception=raise_exception, strftime_now=NOW.strftime)
    return e


TOOL = {"type": "function", "function": {"name": "clock", "description": "The time \"now\" & <where>", "parameters": {
    "type": "object", "properties": {"zone": {"type": "string", "description": "IANA é", "enum": ["a", "b"]}, "n": {"type": "integer"},
                                     "deep": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "number"}}}}},
    "required": ["zone"]}}}
CALL = {"id": "call12345", "type": "function", "function": {"name": "clock", "arguments": {"zone": "Europe/Berlin", "n": 2}}}
U, A, S = ({"role": "user", "content": "Hello  there\n"}, {"role": "assistant", "content": "Hi <b>'you'</b>"}, {"role": "system", "content": " You are X.\n"})
CONVERSATIONS = [
    [U], [S, U], [U, A, U], [S, U, A, U], [S, U, A], [U, U], [S],
    [S, U, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes"}, U],
    [U, {"role": "assistant", "content": "", "tool_calls": [CALL]}, {"role": "tool", "name": "clock", "tool_call_id": "call12345", "content": "12:00"}],
    [S, U, {"role": "assistant", "content": "Let me see", "tool_calls": [CALL, dict(CALL, id="call67890")]},
     {"role": "tool", "name": "clock", "tool_call_id": "call12345", "content": "12:00"},
     {"role": "tool", "name": "clock", "tool_call_id": "call67890", "content": "{\"t\": 1}"}, A, U],
    [U, {"role": "assistant", "content": "x", "reasoning_content": "because"}, U],
    [{"role": "user", "content": [{"type": "text", "text": "part one"}, {"type": "text", "text": "part two"}]}],
]


def cases(path):
    source = open(path).read()
    for messages in CONVERSATIONS:
        for tools in (None, [TOOL]):
            for generate in (True, False):
                v = {"messages": messages, "add_generation_prompt": generate, "bos_token": "<s>", "eos_token": "</s>"}
                if tools:
                    v["tools"] = tools
                yield source, v


def main():
    env, bad = environment(), 0
    for path in sys.argv[2:]:
        todo = list(cases(path))
        lines = "".join(json.dumps({"source": s, "variables": v}) + "\n" for s, v in todo)
        out = subprocess.run([sys.argv[1]], input=lines.encode(), stdout=subprocess.PIPE).stdout.decode().splitlines()
        differ, raised, shown = 0, 0, 0
        for (source, variables), line in zip(todo, out):
            got = json.loads(line)
            try:
                want, why = env.from_string(source).render(**variables), None
            except Exception as e:  # whatever the template's author did not think of
                want, why, raised = None, e, raised + 1
            if got.get("out") == want:
                continue
            differ += 1
            if shown < 2:
                shown += 1
                print(f"  messages {json.dumps(variables['messages'])[:200]} tools {'tools' in variables}")
                print("    python:", repr(want) if want is not None else f"raises {why!r}"[:300])
                print("    hocket:", repr(got.get("out", got.get("error"))))
        differ += len(todo) - len(out)
        print(f"{path.split('/')[-1]}: {len(todo)} cases, {raised} raise, {differ} differ")
        bad += differ
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
