"""Random texts of 330 JSON Schemas, judged by an independent validator (Debian python3-jsonschema).

Usage: judge.py PROGRAM   (the build target hocket_schema_texts)
Kinds after those of public suites: the keywords of the JSON Schema test suite, and the argument
schemas of function calls. Exit code 77 where the validator is not installed.
"""

import json
import random
import subprocess
import sys

TEXTS = 16
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def strings(r):
    yield {"type": "string"}
    for low, high in [(0, 0), (1, 1), (2, 5), (0, 3), (10, 40), (5, None), (None, 7)]:
        s = {"type": "string"}
        if low is not None:
            s["minLength"] = low
        if high is not None:
            s["maxLength"] = high
        yield s
    patterns = [
        "^[a-z]+$", "^\\d{4}-\\d{2}$", "a.c", "^(foo|bar)+$", "^[^\"\\\\]*$", "x{2,3}", "^$",
        "^\\w+@\\w+\\.com$", "[A-Z]{3}", "^\\s*\\S+\\s*$", "^(?:[01]?\\d|2[0-3]):[0-5]\\d$", "^#[0-9a-f]{6}$",
        "^a|b$", "^\\u00e9+$", "^[\\u4e00-\\u9fff]{1,4}$", "^.{3}$", "^[+-]?\\d+(\\.\\d+)?$", "^(a|ab)(c|bcd)$",
        "^\"quoted\"$", "^tab\\there$", "^back\\\\slash$", "^[-a-z_.]+$", "^(\\(\\d{3}\\))? ?\\d{3}-\\d{4}$",
        "^(ab?c*d+){1,2}$", "^[\\d\\s]+$", "^[^a-z]$", "^x??y$",
    ]
    for p in patterns:
        yield {"type": "string", "pattern": p}
    for p in patterns[:6]:
        yield {"type": "string", "pattern": p, "minLength": 3, "maxLength": 12}
    for f in ["date", "date-time", "time", "email", "ipv4", "ipv6", "uuid", "uri", "hostname"]:
        yield {"type": "string", "format": f}
    yield {"allOf": [{"pattern": "^a"}, {"pattern": "z$"}], "type": "string", "maxLength": 9}


def numbers(r):
    yield {"type": "integer"}
    yield {"type": "number"}
    for _ in range(30):
        a, b = sorted(r.randint(-(10 ** r.randint(1, 5)), 10 ** r.randint(1, 5)) for _ in range(2))
        yield {"type": "integer", "minimum": a, "maximum": b}
    for _ in range(20):
        a = round(r.uniform(-100, 100), r.randint(0, 3))
        b = round(a + r.uniform(0.5, 1000), r.randint(0, 3))
        yield {"type": "number", "minimum": a, "maximum": b}
    for key in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]:
        for value in [-17, -0.25, 0, 1, 3.5, 1000]:
            yield {"type": r.choice(["integer", "number"]), key: value}
    yield {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
    yield {"type": "number", "exclusiveMinimum": -1, "exclusiveMaximum": 0}
    yield {"type": "integer", "exclusiveMinimum": 4, "exclusiveMaximum": 6}
    for m in [1, 2, 3, 7, 10, 25, 360]:
        yield {"type": "integer", "multipleOf": m}
    yield {"type": "integer", "multipleOf": 5, "minimum": -20, "maximum": 45}
    yield {"type": "number", "multipleOf": 4, "minimum": 10}


def values(r):
    yield {"type": "boolean"}
    yield {"type": "null"}
    yield True
    yield {}
    for v in [1, "a", None, True, 2.5, [1, 2], {"a": 1}, "line\nbreak \"x\" \\", "é ü 漢"]:
        yield {"const": v}
    yield {"enum": ["red", "green", 3, None, {"x": [1]}]}
    yield {"type": "string", "enum": ["a", "b", 1, None]}
    yield {"type": "integer", "enum": [1, 2, 300, "x"], "minimum": 2}
    for types in [["string", "null"], ["integer", "boolean"], ["number", "integer"], ["array", "object"]]:
        yield {"type": types}
    yield {"minimum": 3}
    yield {"maxLength": 2}


def arrays(r):
    yield {"type": "array"}
    for low, high in [(0, 0), (1, 1), (2, 4), (3, None), (None, 2), (0, 30)]:
        for items in [{"type": "integer"}, {"enum": ["x", "y"]}, {"type": "array", "items": {"type": "null"}}]:
            s = {"type": "array", "items": items}
            if low is not None:
                s["minItems"] = low
            if high is not None:
                s["maxItems"] = high
            yield s
    yield {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False}
    yield {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2}
    yield {"type": "array", "prefixItems": [{"const": 1}], "items": {"type": "boolean"}, "minItems": 1}
    yield {"type": "array", "items": {"enum": ["a", "b", "c", "d"]}, "uniqueItems": True}
    yield {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True, "minItems": 2}
    yield {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "maxItems": 1}
    yield {"items": {"type": "number"}}


def objects(r):
    yield {"type": "object"}
    yield {"type": "object", "properties": {}}
    yield {"type": "object", "additionalProperties": {"type": "integer"}}
    yield {"type": "object", "additionalProperties": False}
    kinds = [{"type": "string", "maxLength": 6}, {"type": "integer"}, {"type": "boolean"}, {"enum": ["u", "v"]},
             {"type": "array", "items": {"type": "integer"}, "maxItems": 3}, {"type": "null"}]
    for n in range(1, 8):
        for _ in range(3):
            names = [f"k{i}" for i in range(n)]
            s = {"type": "object", "properties": {k: r.choice(kinds) for k in names},
                 "required": [k for k in names if r.random() < 0.5]}
            if r.random() < 0.5:
                s["additionalProperties"] = r.choice([False, True, {"type": "boolean"}])
            yield s
    for low, high in [(1, None), (None, 2), (2, 3), (0, 0), (4, 4)]:
        s = {"type": "object", "properties": {k: {"type": "integer"} for k in "abcd"}}
        if low is not None:
            s["minProperties"] = low
        if high is not None:
            s["maxProperties"] = high
        yield s
    yield {"type": "object", "patternProperties": {"^x_": {"type": "integer"}}, "additionalProperties": False}
    yield {"type": "object", "patternProperties": {"^x_": {"type": "integer"}, "_y$": {"type": "string"}}}
    yield {"type": "object", "properties": {"x_a": {"minimum": 5}}, "patternProperties": {"^x_": {"type": "integer"}},
           "required": ["x_a"], "additionalProperties": False}
    yield {"type": "object", "propertyNames": {"pattern": "^[a-z]{1,3}$"}, "additionalProperties": {"type": "null"}}
    yield {"type": "object", "propertyNames": {"maxLength": 2}}
    yield {"type": "object", "required": ["not named"]}
    yield {"type": "object", "properties": {"a\"b\\c\n": {"type": "integer"}}, "required": ["a\"b\\c\n"]}
    yield {"type": "object", "properties": {"a": False, "b": True}}
    yield {"type": "object", "properties": {k: {"type": "integer"} for k in "abc"},
           "dependentRequired": {"a": ["b", "c"]}}
    yield {"required": ["a"], "properties": {"a": {"type": "string"}}}
    yield {"type": "object", "properties": {f"p{i}": {"type": "boolean"} for i in range(60)}}


def combinations(r):
    yield {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    yield {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "string", "pattern": "^x"}]}
    yield {"oneOf": [{"type": "string"}, {"type": "null"}]}
    yield {"oneOf": [{"const": 1}, {"const": 2}]}
    yield {"oneOf": [{"type": "object", "properties": {"kind": {"const": k}, k: {"type": "integer"}},
                      "required": ["kind", k]} for k in ["circle", "square", "line"]]}
    yield {"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                     {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]}]}
    yield {"allOf": [{"type": "integer"}, {"minimum": 3}, {"maximum": 9}]}
    yield {"type": "object", "properties": {"a": {"type": "integer"}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}
    yield {"allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"anyOf": [{"minimum": 2}, {"maxLength": 2}]}]}
    yield {"allOf": [{"properties": {"a": {"minimum": 3}}}, {"properties": {"a": {"type": "integer"}}}], "type": "object"}
    yield {"allOf": [{"type": ["string", "integer"]}, {"type": ["integer", "null"]}]}
    yield {"allOf": [{"enum": [1, 2, 3]}, {"enum": [2, 3, 4]}]}
    node = {"type": "object", "properties": {"value": {"type": "integer"}, "next": {"anyOf": [
        {"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["value", "next"]}
    yield {"$defs": {"node": node}, "$ref": "#/$defs/node"}
    yield {"type": "object", "properties": {"name": {"type": "string", "maxLength": 5},
                                            "children": {"type": "array", "items": {"$ref": "#"}}}, "required": ["name"]}
    yield {"definitions": {"a/b": {"type": "integer"}, "c%": {"type": "null"}},
           "type": "object", "properties": {"x": {"$ref": "#/definitions/a~1b"}, "y": {"$ref": "#/definitions/c%25"}}}
    yield {"$defs": {"s": {"$anchor": "here", "type": "boolean"}}, "items": {"$ref": "#here"}, "type": "array"}
    yield {"$defs": {"n": {"type": "number", "minimum": 0}}, "properties": {"p": {"$ref": "#/$defs/n", "maximum": 1}},
           "type": "object", "required": ["p"]}
    tree = {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#/$defs/tree"}}]}
    yield {"$defs": {"tree": tree}, "$ref": "#/$defs/tree"}
    expression = {"oneOf": [{"type": "number"}, {"type": "object", "properties": {
        "op": {"enum": ["+", "-", "*"]}, "args": {"type": "array", "items": {"$ref": "#/$defs/e"}, "minItems": 2,
                                                     "maxItems": 2}}, "required": ["op", "args"]}]}
    yield {"$defs": {"e": expression}, "$ref": "#/$defs/e"}


def tools(r):
    city = {"type": "string", "description": "City", "minLength": 1, "maxLength": 40}
    parts = {
        "city": city,
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
        "start": {"type": "string", "format": "date-time"},
        "email": {"type": "string", "format": "email"},
        "amount": {"type": "number", "exclusiveMinimum": 0, "maximum": 10000},
        "attendees": {"type": "array", "items": {"type": "string", "format": "email"}, "minItems": 1, "maxItems": 5},
        "filters": {"type": "object", "additionalProperties": {"type": "string"}},
        "sort": {"anyOf": [{"enum": ["asc", "desc"]}, {"type": "null"}], "title": "Sort"},
        "address": {"type": "object", "properties": {"street": {"type": "string"}, "zip": {
            "type": "string", "pattern": "^\\d{5}$"}}, "required": ["street", "zip"], "additionalProperties": False},
        "confirm": {"type": "boolean"},
        "flags": {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True},
    }
    while True:
        names = r.sample(list(parts), r.randint(1, 6))
        yield {"$schema": DRAFT, "title": "arguments", "type": "object", "properties": {n: parts[n] for n in names},
               "required": [n for n in names if r.random() < 0.6], "additionalProperties": False}


REFUSED = {
    "constraint.unsupported": [
        {"not": {"type": "string"}}, {"if": {"type": "string"}, "then": {"minLength": 3}},
        {"type": "array", "contains": {"type": "integer"}}, {"type": "array", "uniqueItems": True},
        {"unevaluatedProperties": False, "type": "object"}, {"$ref": "other.json#/a"},
        {"oneOf": [{"type": "integer"}, {"minimum": 2}]}, {"type": "string", "pattern": "(?=a)b"},
        {"type": "string", "pattern": "\\bword\\b"}, {"type": "string", "pattern": "(a)\\1"},
        {"dependentSchemas": {"a": {}}},
    ],
    "constraint.bad_schema": [
        {"$ref": "#/$defs/none"}, {"$ref": "#"}, {"type": "text"}, 5, {"anyOf": []}, {"type": "string", "minLength": -1},
        {"properties": []}, {"enum": 3},
    ],
    "constraint.bad_pattern": [{"type": "string", "pattern": p} for p in ["(", "[a", "a)", "*a", "a{3,2}", "[z-a]"]],
    "constraint.empty": [
        False, {"enum": []}, {"type": "string", "minLength": 5, "maxLength": 2}, {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "string", "enum": [1, 2]}, {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"type": "object", "properties": {"a": False}, "required": ["a"]},
        {"$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["n"]}}, "$ref": "#/$defs/n"},
    ],
    "constraint.too_large": [{"type": "string", "maxLength": 10 ** 8}, {"type": "array", "minItems": 10 ** 6},
                             {"type": "string", "pattern": "a{99999}"}, {"type": "string", "pattern": "^(a|b)*a(a|b){18}$"}],
}


def corpus():
    r = random.Random(11)
    out = []
    for kind in (strings, numbers, values, arrays, objects, combinations):
        out += [(kind.__name__, s) for s in kind(r)]
    made = tools(r)
    while len(out) < 330:
        out.append(("tools", next(made)))
    return out


def texts_of(program, schemas, count):
    answer = subprocess.run([program, str(count)], input=json.dumps(schemas), capture_output=True, text=True, timeout=300,
                            check=True)
    return [json.loads(line) for line in answer.stdout.split("\n") if line]


def main():
    try:
        import jsonschema
    except ImportError:
        print("skipped: python3-jsonschema is not installed")
        return 77
    wrong = 0
    schemas = corpus()
    judged = 0
    kinds = {}
    for (kind, schema), line in zip(schemas, texts_of(sys.argv[1], [s for _, s in schemas], TEXTS), strict=True):
        if "error" in line:
            print(f"{kind}: {json.dumps(schema)}: refused: {line['error']}")
            wrong += 1
            continue
        checker = jsonschema.FormatChecker(["date", "ipv4", "email", "regex"])
        judge = jsonschema.Draft202012Validator(schema, format_checker=checker)
        for text in line["texts"]:
            judged += 1
            try:
                errors = [e.message for e in judge.iter_errors(json.loads(text))]
            except ValueError as e:
                errors = [f"no JSON: {e}"]
            if errors:
                print(f"{kind}: {json.dumps(schema)}: {text!r}: {errors[0]}")
                wrong += 1
        kinds[kind] = kinds.get(kind, 0) + 1
    for code, refused in REFUSED.items():
        for schema, line in zip(refused, texts_of(sys.argv[1], refused, 1), strict=True):
            if not line.get("error", "").startswith(code + ": "):
                print(f"refused: {json.dumps(schema)}: {code} expected, got {json.dumps(line)[:200]}")
                wrong += 1
    print(f"{len(schemas)} schemas ({', '.join(f'{n} {k}' for k, n in kinds.items())}), {judged} texts judged, {wrong} wrong")
    # The judge itself must be able to say no.
    assert list(jsonschema.Draft202012Validator({"type": "integer", "minimum": 3}).iter_errors(2))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
