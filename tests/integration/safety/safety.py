#!/usr/bin/env python3
"""safety.py HOCKET REPOSITORY WORK: safety and red team as commands."""
import json
import math
import os
import re
import shutil
import subprocess
import sys

hocket, tree, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
GRAPH = "configs/graphs/guarded.yaml"


def run(*command, code=0):
    done = subprocess.run([hocket, *command], cwd=tree, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=600)
    assert done.returncode == code, (command, done.returncode, (done.stdout + done.stderr)[-3000:])
    return done.stdout if code == 0 else done.stdout + done.stderr


def measures(report):
    return {m["name"]: (m["value"], m["n"]) for m in report["measures"]}


def card():
    out = os.path.join(work, "card")
    ask = ("eval", "safety", GRAPH, "--quick", "--items", "6", "--json", "--out", out)
    first, again = json.loads(run(*ask)), json.loads(run(*ask))
    assert measures(first) == measures(again), (first, again)
    found = measures(first)
    assert found["safety.refused"][1] == 6 and found["safety.over_refused"][0] == 0, found
    assert found["safety.stop_p95_s"][0] <= 0.4, found
    # Guard and judge crash, hang and are late, closed and open: four conversations of two requests each.
    assert found["safety.declared"] == (1, 5 * 2 * 4 * 2), found
    assert any("pictures" in line for line in first["not_tested"]), first["not_tested"]
    assert len(first["policy"]["sha256"]) == 64, first["policy"]
    with open(os.path.join(out, "system_card.md"), encoding="utf-8") as f:
        text = f.read()
    assert first["policy"]["sha256"] in text and "## Not tested" in text, text


def red_team():
    kept, out = os.path.join(work, "found.cases"), os.path.join(work, "red_team")
    # The rules alone: what is tried here is the harness, which must find something, not the judge.
    ask = ("eval", "red-team", GRAPH, "--hours", "0.5", "--seed", "7", "--json", "--out", out, "--keep", kept,
           "--set", "actors.guard.judge_ms=0")
    first = json.loads(run(*ask))
    with open(kept, encoding="utf-8") as f:
        cases = f.read()
    again = json.loads(run(*ask))
    assert first["successes"] == again["successes"], (first["successes"], again["successes"])
    with open(kept, encoding="utf-8") as f:
        assert f.read() == cases, "found again they were added again"
    lines = [line for line in cases.splitlines() if line and not line.startswith("#")]
    assert len(lines) == len({s["case"] for s in first["successes"]}), (lines, first["successes"])
    assert lines, "this seed finds some, or nothing below is tested"
    run("policy", "configs/policies/house.yaml", "--cases", kept, code=1)
    # A rule that is itself spelled letter by letter matches nothing: such a case is mended by the word's own rule.
    lines = [line for line in lines if not re.search(r"\b\w \w \w\b", line)]
    kept = os.path.join(work, "words.cases")
    with open(kept, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    topics = {}
    for line in lines:
        topic, words = line.split(": ", 1)
        topics.setdefault(topic, []).append(words.split(" | ")[-1])
    policy = os.path.join(work, "mended.yaml")
    with open(policy, "w", encoding="utf-8") as f:
        f.write('policy: mended\nrefusal: ["en: sorry"]\ntopics:\n')
        for topic, phrases in topics.items():
            f.write(f"  {topic}: {{phrases: {json.dumps(phrases)}}}\n")
    run("policy", policy, "--cases", kept)


def judge():
    """The head in the tree is what its recipe makes; sums may differ in a last bit between machines."""
    made, policies = os.path.join(work, "house.head.json"), os.path.join(tree, "configs/policies")
    also = ("house.cases", "forget.cases", "manner.cases", "found.cases", "judge/wordings.cases")
    run("train", "judge", "--also", *(os.path.join(policies, name) for name in also), "--out", made)
    heads = []
    for path in (made, os.path.join(policies, "judge/house.head.json")):
        with open(path, encoding="utf-8") as f:
            heads.append(json.load(f)["topics"])
    assert [(t["topic"], t["at_least"]) for t in heads[0]] == [(t["topic"], t["at_least"]) for t in heads[1]]
    for ours, kept in zip(*heads):
        for key in ("bias", "scale"):
            assert math.isclose(ours[key], kept[key], rel_tol=1e-3), (ours["topic"], key, ours[key], kept[key])
        pairs = list(zip(ours["weights"], kept["weights"], strict=True))
        other = [abs(ord(a) - ord(b)) for a, b in pairs if a != b]
        assert len(other) < 0.01 * len(pairs) and max(other, default=0) <= 1, (ours["topic"], len(other))


def refused():
    assert "safety.no_guard" in run("eval", "safety", "configs/graphs/talk.yaml", code=2)
    assert "safety.bad_cases" in run("eval", "safety", GRAPH, "--cases", "configs/policies/house.yaml", code=2)
    run("eval", "safety", GRAPH, "--policy", os.path.join(work, "none.yaml"), code=2)
    run("eval", "red-team", GRAPH, "--hours", "0", code=2)


shutil.rmtree(work, ignore_errors=True)
os.makedirs(work)
for case in (card, red_team, judge, refused):
    case()
    print(case.__name__, "as promised")
