#!/usr/bin/env python3
"""Twelve graphs to begin from: draws their pictures, writes the page, runs each.

    gallery.py HOCKET --write     README.md and the pictures anew
    gallery.py HOCKET             runs each graph as the page says, in virtual time, and looks at what came out;
                                  exit code 1 where one fails, or page or pictures are not those of the graphs
"""

import argparse
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
TREE = HERE.parents[2]


@dataclass
class Entry:
    """One graph: what it is for, how it is run cheaply, what then has to be there."""

    file: str
    sentence: str
    options: list[str] = field(default_factory=list)
    makes: list[str] = field(default_factory=list)  # files beneath the output folder
    says: list[str] = field(default_factory=list)  # in what it prints

    @property
    def name(self):
        return Path(self.file).stem


SHORT = ["--set", "actors.mic.pad_s=4"]
ENTRIES = [
    Entry("configs/graphs/tone.yaml", "The smallest graph with sound: a test tone into a file.", makes=["tone.wav"]),
    Entry("configs/graphs/words.yaml", "The smallest without: words on a script, printed as they come.", says=["hello"]),
    Entry("configs/graphs/ticker.yaml", "Parts for text: a timer, a limit on its rate, lines in batches.",
          makes=["words.jsonl"]),
    Entry("configs/graphs/loopback.yaml", "What goes in comes out 100 ms later, and both sides are recorded.",
          makes=["loopback.wav", "loopback.jsonl"]),
    Entry("configs/graphs/listening.yaml", "A sub-graph with parameters, included like a part.", makes=["listening.wav"]),
    Entry("configs/graphs/ducking.yaml", "Music falls silent while somebody speaks: gate, mix, telephone band.",
          makes=["air.wav"]),
    Entry("configs/graphs/video.yaml", "A camera's pictures as the model sees them: patches of two frames.",
          makes=["video.jsonl"]),
    Entry("plugins/python/examples/forecast.yaml", "A tool and a component in Python, each in a confined process.",
          ["--plugin", "plugins/python/examples/forecast.py"], says=["rain and eleven", "sunny and thirty"]),
    Entry("configs/graphs/console.yaml", "Typed words to the interaction model, its words on the screen.", says=["model: "]),
    Entry("configs/graphs/cascade.yaml", "What the field does today: detector, PocketSphinx, rules, flite, in a row.",
          makes=["conversation.wav", "record.jsonl"], says=["⚙ calculator"]),
    Entry("configs/graphs/talk.yaml", "The interaction model hears and speaks at once, every 200 ms, and delegates.",
          SHORT, makes=["conversation.wav", "record.jsonl"]),
    Entry("configs/graphs/see.yaml", "The same with a camera: it sees while it hears.", SHORT, makes=["conversation.wav"]),
]

def command(entry):
    return " ".join(["build/hocket run", entry.file, *entry.options, "--virtual"])


def page():
    lines = [
        "# configs/graphs/gallery", "<!-- written by gallery.py --write; edit that -->",
        "Twelve graphs to begin from, with their pictures. CI runs each as it stands here, in virtual time; what a run makes "
        "lies in `out/`. `gallery.py` draws, writes and runs; a picture is `hocket graph FILE -o FILE.svg`.", "",
        "One that runs by the clock shows every port, event and connection in the Foxglove viewer (`actors/foxglove`): "
        "`build/hocket run configs/graphs/talk.yaml --foxglove tcp://127.0.0.1:8765`, there *Open connection*, "
        "`ws://localhost:8765`.", ""]
    for e in ENTRIES:
        lines += [f"## {e.name}", f"{e.sentence} [{e.file}](../../../{e.file})", "", "```bash", command(e), "```", "",
                  f"![{e.name}: its actors and links]({e.name}.svg)", ""]
    lines += ["## Further", "[configs/graphs](../README.md) has more, which need a person, a model or a client: an assistant of "
              "neural parts, one that reasons with tools, a server for browsers and apps, models that learn."]
    lines += ["", "Not here: what a graph file may say (`graph/spec`), graphs that must fail (`tests/golden/graph`)."]
    return "\n".join(lines) + "\n"


def hocket(program, *words):
    return subprocess.run([program, *map(str, words)], cwd=TREE, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=300)


def texts(svg):
    """What stands in a picture, whatever it was drawn with and wherever it lies there."""
    return sorted(t.strip() for t in re.findall(r"<text[^>]*>([^<]*)</text>", svg))


def drawn(program, entry, folder):
    target = Path(folder) / f"{entry.name}.svg"
    done = hocket(program, "graph", entry.file, "-o", target)
    if done.returncode:
        raise RuntimeError(f"{entry.name}: cannot be drawn: {done.stderr.strip()[-300:]}")
    return target.read_text(encoding="utf-8")


def findings(program, entry):
    """What is wrong with one graph, as it runs and as it is shown."""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        picture = HERE / f"{entry.name}.svg"
        if not picture.is_file() or texts(picture.read_text(encoding="utf-8")) != texts(drawn(program, entry, folder)):
            out.append(f"{entry.name}: its picture is not that of the graph: gallery.py HOCKET --write")
        done = hocket(program, "run", entry.file, *entry.options, "--virtual", "--no-picture", "--out", folder)
        said = done.stdout + done.stderr
        if done.returncode:
            return [*out, f"{entry.name}: `{command(entry)}` ended with {done.returncode}: {said[-500:]}"]
        out += [f"{entry.name}: the run made no {m}" for m in entry.makes
                if not (Path(folder) / m).is_file() or not (Path(folder) / m).stat().st_size]
        out += [f"{entry.name}: the run did not say `{w}`" for w in entry.says if w not in said]
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hocket")
    parser.add_argument("--write", action="store_true", help="page and pictures anew")
    o = parser.parse_args()
    program = str(Path(o.hocket).resolve())
    if o.write:
        for entry in ENTRIES:
            (HERE / f"{entry.name}.svg").write_text(drawn(program, entry, HERE), encoding="utf-8")
        (HERE / "README.md").write_text(page(), encoding="utf-8")
        return 0
    found = [] if (HERE / "README.md").read_text(encoding="utf-8") == page() else [
        "README.md is not what gallery.py writes: gallery.py HOCKET --write"]
    named = (TREE / "configs/graphs/README.md").read_text(encoding="utf-8")
    shown = {e.name for e in ENTRIES}
    found += [f"{p.name} is neither in the gallery nor named in configs/graphs/README.md"
              for p in sorted((TREE / "configs/graphs").glob("*.yaml")) if p.stem not in shown and f"`{p.stem}`" not in named]
    found += [f"{p.name} is a picture of nothing" for p in HERE.glob("*.svg") if p.stem not in shown]
    for entry in ENTRIES:
        found += findings(program, entry)
    for line in found:
        print(f"error: {line}", file=sys.stderr)
    print(f"gallery: {len(ENTRIES)} graphs, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
