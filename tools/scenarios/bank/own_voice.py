#!/usr/bin/env python3
"""Makes the voice that the model learns: every text of `hocket scenarios --texts` in one Kokoro style.

  hocket scenarios --texts > out/texts.txt
  python3 own_voice.py --kokoro DIR --texts out/texts.txt --voice out/voice

out/voice/own.wav (16 kHz, mono) and own.json have the layout of a bank's voice (make_bank.py). What was said
lies in out/voice/clips/STYLE, and a call that was stopped goes on. README.md beside this says what it needs.
"""
import argparse
import pathlib
import re
import sys

import numpy

import kokoro
import make_bank

STYLE = "af_nova"  # README.md says why
SPEED, WORD_SPEED = 1.1, 1.3  # of sentences; of single words
RATE = make_bank.RATE
LONGEST_WORD_S = 0.52  # a count has 0.6 s for a number, the silence around it included
LEVEL_DB = -20.0       # dBFS of what sounds
STEP = RATE // 200     # 5 ms

_LETTERS = dict(zip("abcdefghijklmnopqrstuvwxyz",
                    "ay bee see dee ee eff gee aitch eye jay kay ell em en oh pea queue are ess tea you vee "
                    "double-you ex why zee".split()))
_SPANISH = set("uno dos tres cuatro cinco seis siete ocho nueve diez".split())
# How its statements sound: a mark within where a speaker would pause, a comma where more comes.
_SPOKEN = {"it is": "it is,", "sorry i can't help with that": "sorry, i can't help with that."}
_EXTRA_WORDS = {"hocket": "HH AA K AH T"}


def spoken(text):
    if text.startswith("##"):
        return _LETTERS[text[2:]].replace("-", " ") + "."
    return _SPOKEN.get(text, text + ".")


def loud_part(x):
    """First and last sample of what sounds, with the soft begin and end of it."""
    first, last = make_bank.sounding(x, 40.0)
    return max(0, first - RATE // 100), min(len(x), last + RATE // 50)


def level(x):
    """The factor that brings what sounds to LEVEL_DB."""
    n = len(x) // STEP * STEP
    power = (x[:n].reshape(-1, STEP) ** 2).mean(axis=1)
    sounds = power[power > power.max() * 10 ** -2.5]
    return 10 ** (LEVEL_DB / 20) / numpy.sqrt(sounds.mean())


def at_dips(x, words):
    """Borders between words moved to where the sound is faintest within 25 ms: there a cut is least heard."""
    out = [list(w) for w in words]
    for left, right in zip(out, out[1:]):
        here = right[1]
        places = range(max(left[1] + 2 * STEP, here - 5 * STEP), min(right[2] - 2 * STEP, here + 5 * STEP), STEP // 4)
        power = {p: float((x[max(0, p - STEP // 2):p + STEP // 2] ** 2).mean()) for p in places}
        if power:
            best = min(power, key=power.get)
            left[2], right[1] = min(best, left[2]) if left[2] < here - 5 * STEP else best, best
    return [tuple(w) for w in out]


class speaker:
    def __init__(self, folder, style):
        self.net, self.style = kokoro.voice(folder), style

    def say(self, text, speed):
        if text in _SPANISH:
            return self.net.say_sounds(kokoro.sounds_of(text, "es-419") + ".", self.style, speed)
        return self.net.say(spoken(text), self.style, speed)

    def clip(self, text):
        """The sound of a text; a single word no longer than LONGEST_WORD_S, spoken faster if need be."""
        speed = SPEED if " " in text else WORD_SPEED
        while True:
            x = self.say(text, speed)
            first, last = loud_part(x)
            x = x[first:last] * level(x[first:last])
            longer = (len(x) / RATE) / LONGEST_WORD_S
            if " " in text or longer <= 1 or speed >= 1.5:
                return x
            speed = min(1.5, speed * max(1.05, longer))


def words_of(x, text):
    if " " not in text:
        return [(text, 0, len(x))]
    found = kokoro.align(x, text, _EXTRA_WORDS)
    return found and at_dips(x, found)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--kokoro", type=pathlib.Path, required=True, help="model.onnx, vocab.json, voices/")
    p.add_argument("--texts", type=pathlib.Path, required=True, help="one text per line")
    p.add_argument("--voice", type=pathlib.Path, required=True, help="folder to write")
    p.add_argument("--style", default=STYLE)
    a = p.parse_args()
    clips = a.voice / "clips" / a.style  # another style in the same folder speaks for itself
    clips.mkdir(parents=True, exist_ok=True)
    texts = [t for t in a.texts.read_text().splitlines() if t]
    said, missing = None, []
    out = make_bank.voice_file(a.voice, "own", "own", "train")
    out.index["voice"] = a.style  # who is nobody else in a bank
    for n, text in enumerate(texts):
        path = clips / (re.sub(r"[^a-z#']", "_", text) + ".npy")
        if not path.exists():
            said = said or speaker(a.kokoro, a.style)
            numpy.save(path.with_suffix(".part.npy"), said.clip(text).astype(numpy.float32))
            path.with_suffix(".part.npy").rename(path)
            print(f"{n + 1} of {len(texts)}: {text}", flush=True)
        x = numpy.load(path).astype(numpy.float64)
        words = words_of(x, text)
        if words:
            out.append(text, x, words)
        else:
            missing.append(text)
    out.write()
    for text in missing:
        print(f"`{text}` could not be aligned", file=sys.stderr)
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()
