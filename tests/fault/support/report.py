"""How results are shown: a table for people, measures for programs."""

import json
import os
import pathlib
import platform
import subprocess
import sys
import textwrap


def print_progress(result):
    word = "skipped" if result.skipped else "ok" if result.holds else "FAILED"
    print(f"{result.scenario.name}: {word}", file=sys.stderr)
    for text in (result.skipped, result.problem):
        if text:
            print(textwrap.indent(text, "  "), file=sys.stderr)


def print_matrix(scenarios):
    for one in scenarios:
        print(f"{one.name} ({one.family})")
        for part in ("setup", "fault", "recovery", "invariant"):
            print(textwrap.fill(getattr(one, part), 100, initial_indent=f"  {part + ':':<11}",
                                subsequent_indent=" " * 13))


def print_table(results):
    wide = max(len(r.scenario.name) for r in results)
    print(f"{'fault':<{wide}}  {'holds':<7}  detection ms  restart ms")
    for r in results:
        word = "skipped" if r.skipped else "yes" if r.holds else "NO"
        times = [f"{r.figures[k][0]:.0f}" if k in r.figures else "-"
                 for k in ("detection_ms", "restart_ms")]
        others = [f"{k} {v:.0f}" for k, (v, _) in r.figures.items()
                  if k not in ("detection_ms", "restart_ms")]
        line = f"{r.scenario.name:<{wide}}  {word:<7}  {times[0]:>12}  {times[1]:>10}"
        print("  ".join([line, *others]))


def measures_of(result):
    """One measure that says whether the fault ended as declared, and one for each figure."""
    base = f"fault.{result.scenario.name}"
    yield measure(base, float(result.holds), "", 1.0, result.holds)
    for name, (value, limit) in result.figures.items():
        met = None if limit is None else value <= limit
        yield measure(f"{base}.{name}", round(value, 3), name.rpartition("_")[2], limit, met)


def measure(name, value, unit, target, met):
    return {"name": name, "value": value, "unit": unit, "low": None, "high": None,
            "target": target, "met": met, "n": 1}


def print_json(results, root):
    print_measures([m for r in results if not r.skipped for m in measures_of(r)], root,
                   [f"{r.scenario.name}: {text}" for r in results
                    for text in (r.skipped, r.problem) if text], True)


def print_measures(measures, root, notes, as_json):
    if as_json:
        print(json.dumps({"measures": measures, "machine": machine(), "revision": revision(root),
                          "notes": notes}, indent=2))
        return
    wide = max(len(m["name"]) for m in measures)
    for m in measures:
        target = "" if m["target"] is None else f"target {m['target']:g}"
        word = {None: "", True: "met", False: "MISSED"}[m["met"]]
        print(f"{m['name']:<{wide}}  {m['value']:>10g} {m['unit']:<8} {target:<12} {word}".rstrip())
    for note in notes:
        print(note)


def machine():
    """The same fields as `hocket bench --json`, as far as a script can know them."""
    info = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    cpu = next((line.split(":", 1)[1].strip() for line in info.splitlines()
                if line.startswith("model name")), platform.machine())
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gib": round(pages / 2**30, 1),
            "os": platform.platform(), "load_1min": round(os.getloadavg()[0], 2)}


def revision(root):
    def git(*words):
        return subprocess.run(["git", "-C", root, *words], capture_output=True, text=True,
                              check=False).stdout.strip()
    try:
        found = git("rev-parse", "--short=12", "HEAD")
        return (found + ("+" if git("status", "--porcelain") else "")) or "unknown"
    except OSError:
        return "unknown"
