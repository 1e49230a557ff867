#!/usr/bin/env python3
"""Word errors of the recogniser in a graph beside the bare package, on recordings of people.

    word_errors.py HOCKET [--speech DIR] [--number 200] [--recogniser whisper] [--out out/word_errors]

DIR/commands/WORD/*.flac are single words of many speakers (`tools/scenarios/bank` says where from); without it
the two readings that come with the package are heard alone. The bare package is `moonshine-voice` as its maker
gives it: its own library, each recording by itself; `model alone` is the same model without its voice detection. The graph
hears all of them one after the other, as a microphone would, in virtual time. With `--recogniser whisper` the bare
package is `faster-whisper` with its own defaults (beam search, fallbacks). Prints all three, and ends with 1
where the graph has over 2 points more than the package of all recordings together; each kind is told alone, too.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import wave
from array import array
from pathlib import Path

HERE = Path(__file__).resolve().parent
TREE = HERE.parents[1]
BARE = HERE / ".venv/bare"
BARE_PACKAGE = "moonshine-voice==0.0.49"
RATE = 16000


def python_package(tree):
    """The folder of the package `hocket`: of this tree, or of the prefix where it is installed."""
    return next((p for p in (tree / "plugins/python", tree / "python") if (p / "hocket").is_dir()), tree / "python")


GAP_S = 1.6  # between two recordings: longer than any pause that is waited for
WORDS = ["down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes"]
READINGS = {
    "beckett.wav": "ever tried ever failed no matter try again fail again fail better",
    "two_cities.wav": "it was the best of times it was the worst of times it was the age of wisdom it was the age of "
                      "foolishness it was the epoch of belief it was the epoch of incredulity it was the season of "
                      "light it was the season of darkness it was the spring of hope it was the winter of despair we "
                      "had everything before us we had nothing before us we were all going direct to heaven we were "
                      "all going direct the other way in short the period was so far like the present period that some "
                      "of its noisiest authorities insisted on its being received for good or for evil in the "
                      "superlative degree of comparison only",
}
_FIGURES = {"1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven", "8": "eight",
            "9": "nine", "0": "zero"}
_MODEL = """
import json, sys, wave
import numpy
from assistant import models
from assistant.NAME import CLASS
hears = CLASS(models.need("NAME"))
for path in json.load(sys.stdin):
    with wave.open(path) as f:
        samples = numpy.frombuffer(f.readframes(f.getnframes()), "<i2") / numpy.float32(32768)
    pieces = [samples[i:i + 480000] for i in range(0, len(samples), 480000)]
    print(json.dumps(" ".join(map(hears, pieces))), flush=True)
"""
_BARE = """
import json, sys
from unittest.mock import MagicMock
for unused in ("sounddevice", "requests", "tqdm", "filelock", "platformdirs"):  # of microphones and downloads
    sys.modules[unused] = MagicMock()
import moonshine_voice, wave
from array import array
from moonshine_voice.moonshine_api import ModelArch
from moonshine_voice.transcriber import Transcriber
from moonshine_voice.utils import get_assets_path
hears = Transcriber(str(get_assets_path()) + "/tiny-en", ModelArch.TINY)
for path in json.load(sys.stdin):
    with wave.open(path) as f:
        samples = array("h", f.readframes(f.getnframes()))
    lines = hears.transcribe_without_streaming([x / 32768 for x in samples], 16000).lines
    print(json.dumps(" ".join(line.text for line in lines)), flush=True)
"""
_BARE_WHISPER = """
import json, sys, wave
import numpy
from assistant import models
from assistant.whisper import Whisper
package = Whisper(models.need("whisper")).model
for path in json.load(sys.stdin):
    with wave.open(path) as f:
        samples = numpy.frombuffer(f.readframes(f.getnframes()), "<i2") / numpy.float32(32768)
    parts, _ = package.transcribe(samples.astype("f4"), language="en")
    print(json.dumps(" ".join(part.text for part in parts)), flush=True)
"""


def plain(text):
    """The words, as they are compared."""
    words = re.sub(r"[^a-z0-9' ]", " ", text.lower()).split()
    return [_FIGURES.get(w, w) for w in words]


def errors(said, heard):
    """Words that have to be changed, put in or left out."""
    row = list(range(len(heard) + 1))
    for i, a in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def samples_of(path):
    """16 kHz mono of any file, by GStreamer."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as f:
        subprocess.run(["gst-launch-1.0", "-q", "filesrc", f"location={path}", "!", "decodebin", "!", "audioconvert", "!",
                        "audioresample", "!", f"audio/x-raw,format=S16LE,rate={RATE},channels=1", "!", "wavenc", "!",
                        "filesink", f"location={f.name}"], check=True)
        with wave.open(f.name) as w:
            return array("h", w.readframes(w.getnframes()))


def write(path, samples):
    with wave.open(str(path), "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(RATE)
        f.writeframes(samples.tobytes())


def recordings(speech, number, assets):
    """(what was said, samples): readings, then words, the same ones every time."""
    out = [(READINGS[n], samples_of(assets / n)) for n in READINGS if (assets / n).is_file()]
    if speech:
        files = [f for w in WORDS for f in sorted(Path(speech, "commands", w).glob("*.flac"))]
        if not files:
            sys.exit(f"error: {speech}: no commands/WORD/*.flac")
        random.Random(21).shuffle(files)
        out += [(f.parent.name, samples_of(f)) for f in files[:number]]
    return out


def each_alone(script, paths, items, folder):
    """What a script hears in each recording by itself."""
    files = [str(folder / f"{i}.wav") for i in range(len(items))]
    for file, (_, samples) in zip(files, items):
        write(file, samples)
    done = subprocess.run([HERE / ".venv/bin/python3", "-c", script], input=json.dumps(files), text=True, check=True,
                          stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": ":".join(map(str, paths))})
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('"')]


GRAPH = """hocket: 1
name: word_errors
clock: {micro_turn_ms: 200}
plugins: [PARTS]
actors:
  mic: {component: capture.gst, file: PERSON, pad_s: 2}
  vad: {component: python.assistant.Ears, watchdog_ms: 60000, inputs: {audio: mic.audio}}
  asr: {component: python.assistant.Recogniser, watchdog_ms: 60000, recogniser: RECOGNISER, partial_ms: PARTIAL_MS,
        process: {memory_mb: 2048, reads: [/proc/cpuinfo, /sys/devices/system/cpu]},
        inputs: {audio: mic.audio, events: vad.events}}
  log: {component: record.events, file: record.jsonl, pii.text: true, inputs: {heard: asr.text}}
"""


def in_the_graph(hocket, recogniser, partial_ms, items, folder, out):
    """What the graph heard in the time of each recording."""
    track, begins = array("h", bytes(2 * RATE)), []
    for _, samples in items:
        begins.append(len(track))
        track += samples + array("h", bytes(2 * int(GAP_S * RATE)))
    write(folder / "person.wav", track)
    parts = HERE / "assistant"
    (folder / "g.yaml").write_text(GRAPH.replace("PARTS", json.dumps(str(parts)))
                                   .replace("RECOGNISER", recogniser).replace("PARTIAL_MS", str(partial_ms))
                                   .replace("PERSON", json.dumps(str(folder / "person.wav"))))
    done = subprocess.run([hocket, "run", folder / "g.yaml", "--plugin", parts, "--virtual", "--no-picture",
                           "--out", out], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: the run ended with {done.returncode}: {(done.stderr + done.stdout)[-500:]}")
    heard = [[] for _ in items]
    for line in (Path(out) / "record.jsonl").read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if event.get("kind") != "heard":
            continue
        at = event["t_ms"] * RATE / 1000 - RATE / 20  # the end of its last word
        heard[max(i for i, b in enumerate(begins) if b <= at or i == 0)].append(event["text"])
    return [" ".join(h) for h in heard]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hocket")
    parser.add_argument("--speech", help="folder with commands/WORD/*.flac")
    parser.add_argument("--number", type=int, default=200, help="of single words")
    parser.add_argument("--recogniser", choices=["moonshine", "whisper"], default="moonshine")
    parser.add_argument("--partial-ms", type=int, default=320, help="0: the graph decodes only at an utterance's end")
    parser.add_argument("--out", default="out/word_errors")
    o = parser.parse_args()
    whisper = o.recogniser == "whisper"
    if subprocess.run([sys.executable, HERE / "install.py", "--check", *(["--whisper"] if whisper else [])]).returncode:
        return 2
    if not (BARE / "moonshine_voice").is_dir():
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", BARE,
                        "--no-deps", BARE_PACKAGE], check=True)
    items = recordings(o.speech, o.number, BARE / "moonshine_voice/assets")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = [HERE, python_package(TREE)]
        model = _MODEL.replace("NAME", o.recogniser).replace("CLASS", o.recogniser.title())
        graph = in_the_graph(o.hocket, o.recogniser, o.partial_ms, items, folder, o.out)  # first: it can fail
        both = {"bare package": each_alone(_BARE_WHISPER, own, items, folder) if whisper
                else each_alone(_BARE, [BARE], items, folder),
                "model alone": each_alone(model, own, items, folder),
                "in the graph": graph}
    readings = sum(said in READINGS.values() for said, _ in items)
    rates = {}
    for which, heard in both.items():
        parts = []
        for title, part in (("read aloud", slice(0, readings)), ("single words", slice(readings, None)), ("all", slice(None))):
            words = sum(len(plain(s)) for s, _ in items[part])
            wrong = sum(errors(plain(s), plain(h)) for (s, _), h in zip(items[part], heard[part]))
            rates[which] = 100 * wrong / max(1, words)
            parts.append(f"{title} {wrong}/{words} = {rates[which]:.1f} %")
        print(f"{which}: {'; '.join(parts)}")
    Path(o.out, "heard.json").write_text(json.dumps(
        [{"said": s, **{w: h[i] for w, h in both.items()}} for i, (s, _) in enumerate(items)], indent=1))
    more = {which: rates["in the graph"] - rates[which] for which in ("bare package", "model alone")}
    print("assistant.word_errors: in the graph " + ", ".join(f"{v:+.1f} points to the {k}" for k, v in more.items())
          + " (at most +2)")
    return 0 if max(more.values()) <= 2 else 1


if __name__ == "__main__":
    sys.exit(main())
