#!/usr/bin/env python3
"""slower.py HOCKET REPOSITORY WORK: who asks for it is spoken to more slowly, and nobody else changes that."""
import array
import json
import os
import shutil
import subprocess
import sys
import wave

hocket, tree, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])

# A recording stands in for the model's voice, consoles for who says what.
GRAPH = """hocket: 1
name: slower
clock: {micro_turn_ms: 200}
actors:
  voice:   {component: capture.gst, file: SPEECH, pad_s: 6}
  keys:    {component: text.console, print: false, script: [TYPED "8.0 so"]}
  heard:   {component: text.console, print: false, script: [HEARD "8.0 so"]}
  model:   {component: text.console, print: false, script: [SAID "8.0 so"]}
  mind:    {component: text.console, print: false, script: [FOUND "8.0 so"]}
  guard:   {component: policy.guard, rules: RULES, language: de,
            inputs: {audio: voice.audio, typed: keys.text, heard: heard.text, said: model.text, results: mind.text}}
  pace:    {component: audio.pace, inputs: {audio: guard.audio, pace: guard.pace, heard: heard.text, said: model.text}}
  speaker: {component: playout.gst, to: file, file: voice.wav, delay_ms: 200, inputs: {audio: pace.audio}}
  log:     {component: record.events, file: words.jsonl, pii.text: true,
            inputs: {results: guard.results, words: guard.manner, progress: guard.pace}}
"""


class Talk:
    """One run; who says what: `who=["0.2 words"]`."""

    def __init__(self, name, **says):
        out = os.path.join(work, name)
        text = GRAPH.replace("RULES", os.path.join(tree, "configs/policies/house.yaml"))
        text = text.replace("SPEECH", os.path.join(tree, "configs/graphs/speech/question.wav"))
        for who in ("typed", "heard", "said", "found"):
            lines = [json.dumps(line) + "," for line in says.get(who, [])]
            text = text.replace(who.upper() + " ", " ".join(lines))
        graph = os.path.join(work, name + ".yaml")
        with open(graph, "w", encoding="utf-8") as f:
            f.write(text)
        done = subprocess.run([hocket, "run", graph, "--virtual", "--out", out], cwd=tree, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (name, (done.stdout + done.stderr)[-3000:])
        with wave.open(os.path.join(out, "voice.wav")) as w:
            samples = array.array("h", w.readframes(w.getnframes()))
            loud = [i for i, v in enumerate(samples) if abs(v) > 300]
            self.sounds_s = (loud[-1] - loud[0]) / w.getframerate()
        with open(os.path.join(out, "words.jsonl"), encoding="utf-8") as f:
            self.lines = [json.loads(line) for line in f]

    def told(self, output):
        return [e["text"] for e in self.lines if e.get("text") is not None and output in json.dumps(e)]


shutil.rmtree(work, ignore_errors=True)
os.makedirs(work)
usual = Talk("usual").sounds_s
assert usual > 1, usual


def ratio(name, **says):
    return Talk(name, **says).sounds_s / usual


for name, says in {"typed": dict(typed=["0.1 please speak slowly"]), "heard": dict(heard=["0.1 speak slower"]),
                   "german": dict(heard=["0.1 sprich bitte langsamer"]), "french": dict(typed=["0.1 parle plus lentement"])}.items():
    assert 1.15 < ratio(name, **says) < 1.35, (name, ratio(name + "_again", **says))
assert 1.45 < ratio("twice", typed=["0.1 speak slowly", "0.15 even slower please"]) < 1.7
assert 1.05 < ratio("simpler", typed=["0.1 in simple words please"]) < 1.2
print("who asks for it is spoken to more slowly, as promised")
assert ratio("taken_back", typed=["0.1 speak slowly", "0.3 speak normally again"]) < 1.1  # it began to speak at once
for name, says in {"model": dict(said=["0.1 please speak slowly"]), "page": dict(found=["0.1 please speak slowly"]),
                   "echo": dict(said=["0.05 speak slowly"], heard=["0.15 speak slowly"]),
                   "near": dict(typed=["0.1 why do you speak so slowly"])}.items():
    assert ratio(name, **says) == 1, name
print("nobody else has it speak in another way, as promised")
