#!/usr/bin/env python3
"""bench.py HOCKET: four systems on the same items of the duplex bench, in virtual time, in one run.

The duplex model, the PocketSphinx cascade, this cascade with its own endpointing, and this cascade with
the duplex model's timing. Prints a table, and writes `assistant.<measure>` of the last (of the others
`assistant.<system>.<measure>`) to OUT/measures.json. What was run with the same --out goes on where it was.
Exit code: 1 where a system did not play all items, 2 where the parts or models are not installed.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TREE = HERE.parents[1]
ASSISTANT = ["assistant.yaml", "--plugin", "plugins/assistant/assistant"]
SYSTEMS = {
    "duplex": ["talk.yaml"],
    "pocketsphinx": ["cascade.yaml"],
    "own_endpointing": [*ASSISTANT, "--param", "decides=silence"],
    "": ASSISTANT,
}
SHOWN = ("turn.take_over", "turn.right", "turn.latency_mean_s", "pause.take_over", "pause.answered")


def judged(hocket: str, name: str, o: argparse.Namespace) -> list[dict] | None:
    """The measures of one system; None where it gave none, or not of all items."""
    graph, *more = SYSTEMS[name]
    families = [word for family in o.family for word in ("--family", family)]
    run = subprocess.run([hocket, "eval", "duplex", f"configs/graphs/{graph}", *more, *families, "--items", str(o.items),
                          "--seed", str(o.seed), "--jobs", "1", "--batch", "4", "--out", str(o.out / (name or "assistant")),
                          "--json"], cwd=TREE, stdout=subprocess.PIPE, text=True)
    try:
        measures = json.loads(run.stdout)["measures"]
    except (ValueError, KeyError):
        measures = None
    if run.returncode == 0 and measures is not None:
        return measures
    # Where items failed there are measures of the others: no longer the same for all.
    print(f"error: {name or 'assistant'}: no measures of all items (exit code {run.returncode}); the same --out goes on "
          "from here", file=sys.stderr)
    return None


def cell(one: dict | None) -> str:
    if one is None or one["value"] is None:
        return "-"
    return f"{one['value']:.2f} ({one['low']:.2f} to {one['high']:.2f})" if one["low"] is not None else f"{one['value']:.2f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("hocket")
    parser.add_argument("--items", type=int, default=12, help="of each family")
    parser.add_argument("--family", action="append", help="of the bench; turn and pause where left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/assistant"))
    o = parser.parse_args()
    o.family = o.family or ["turn", "pause"]
    o.out = o.out.resolve()
    if subprocess.run([sys.executable, HERE / "install.py", "--check"]).returncode:
        return 2
    all_measures, table = [], {}
    for name in SYSTEMS:
        measures = judged(str(Path(o.hocket).resolve()), name, o)
        if measures is None:
            return 1
        table[name or "assistant"] = {m["name"]: m for m in measures}
        prefix = f"assistant.{name}." if name else "assistant."
        all_measures += [{**m, "name": prefix + m["name"]} for m in measures]
    shown = [m for m in SHOWN if any(m in row for row in table.values())] or sorted(
        {m for row in table.values() for m in row})[:5]
    print("| " + " | ".join(["", *shown]) + " |\n" + "|---" * (len(shown) + 1) + "|")
    for name, row in table.items():
        print("| " + " | ".join([name, *(cell(row.get(m)) for m in shown)]) + " |")
    o.out.mkdir(parents=True, exist_ok=True)
    (o.out / "measures.json").write_text(json.dumps({"measures": all_measures}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
