#!/usr/bin/env python3
"""Makes a bank of speech for tools/scenarios: people's words and neural voices, with word times.

  python3 make_bank.py people --speech DIR --bank out/bank
  python3 make_bank.py neural --kokoro DIR --bank out/bank [--heldout] [--mixed N] [--minutes N]

A voice is two files of the bank: NAME.wav (16 kHz, mono) and NAME.json, which names its part (train or
heldout) and its clips: text, begin and end in samples, words with theirs. A voice that is there is left
alone, so a call that was stopped goes on. README.md beside this says what each source needs.
"""
import argparse
import hashlib
import json
import pathlib
import random
import sys
import time
import wave

import numpy

import kokoro
import phrases

RATE = 16000
GAP = RATE // 10  # digital silence between clips


def part_of_speaker(speaker):
    """One speaker in five is kept apart; by name, so that new recordings change nobody's part."""
    return "heldout" if hashlib.sha256(speaker.encode()).digest()[0] % 5 == 0 else "train"


def sounding(x, below_db=34.0):
    """First and last sample (one past) within `below_db` of the loudest 10 ms."""
    block = RATE // 100
    n = len(x) // block
    if n == 0:
        return 0, len(x)
    power = (x[: n * block].reshape(n, block).astype(numpy.float64) ** 2).mean(axis=1)
    loud = numpy.flatnonzero(power >= power.max() * 10 ** (-below_db / 10))
    return int(loud[0]) * block, int(loud[-1] + 1) * block


class voice_file:
    """Collects the clips of one voice and writes its two files, the index last."""

    def __init__(self, bank, name, kind, part):
        self.path, self.samples, self.at = bank / name, [], 0
        self.index = {"voice": name, "kind": kind, "part": part, "rate_hz": RATE, "clips": []}

    def add(self, text, samples, words, speaker=""):
        level = numpy.sqrt(numpy.mean(samples.astype(numpy.float64) ** 2) + 1e-12)
        self.append(text, samples * (0.1 / level), words, speaker)  # -20 dBFS

    def append(self, text, samples, words, speaker=""):
        """The same at the level that it has."""
        clip = {"text": text, "start": self.at, "end": self.at + len(samples),
                "words": [[w, self.at + s, self.at + e] for w, s, e in words]}
        if speaker:
            clip["speaker"] = speaker
        self.index["clips"].append(clip)
        self.samples += [samples, numpy.zeros(GAP)]
        self.at += len(samples) + GAP

    def write(self):
        if not self.index["clips"]:
            return
        pcm = (numpy.clip(numpy.concatenate(self.samples), -1, 1) * 32767).astype("<i2")
        with wave.open(str(self.path) + ".wav", "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.writeframes(pcm.tobytes())
        part = self.path.with_suffix(".json.part")
        part.write_text(json.dumps(self.index))
        part.rename(self.path.with_suffix(".json"))
        print(f"{self.path.name}: {len(self.index['clips'])} clips, {self.at / RATE:.0f} s", flush=True)


def make_people(speech, bank):
    import soundfile

    if all((bank / f"people_{p}.json").exists() for p in ("train", "heldout")):
        return
    voices = {p: voice_file(bank, f"people_{p}", "people", p) for p in ("train", "heldout")}
    for path in sorted((speech / "commands").glob("*/*.flac")):
        folder, speaker = path.parent.name, path.stem.split("_")[0]
        if folder == "silence":
            continue
        word = folder
        if folder == "unknown":
            word, speaker = path.stem.split("_")[0], path.stem.split("_")[1]
        samples, rate = soundfile.read(path, dtype="float64")
        if rate != RATE or samples.ndim != 1:
            sys.exit(f"{path}: not 16 kHz mono")
        first, last = sounding(samples, 26.0)  # rooms and hum are not the word
        if last - first < RATE // 10:
            continue
        word_sound = samples[first:last]
        voices[part_of_speaker(speaker)].add(word, word_sound, [(word, 0, last - first)], speaker)
    for v in voices.values():
        v.write()


def make_neural(folder, bank, heldout, mixed, minutes):
    began, speech = time.time(), kokoro.voice(folder)
    part = "heldout" if heldout else "train"
    mixtures = [f"mix_{n:03d}" for n in range(mixed)]
    for style in kokoro.HELDOUT if heldout else kokoro.TRAIN + mixtures:
        if (bank / f"{style}.json").exists():
            continue
        rng = random.Random(style)
        out = voice_file(bank, style, "neural", part)
        for text, spoken in phrases.heldout(rng) if heldout else phrases.train(rng):
            samples = speech.say(spoken, style, rng.uniform(0.8, 1.25))
            first, last = sounding(samples)
            words = kokoro.align(samples[first:last], text)
            if words is None:
                print(f"{style}: `{text}` could not be aligned", file=sys.stderr)
                continue
            out.add(text, samples[first:last], words)
        out.write()
        if minutes and time.time() - began > minutes * 60:
            break


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("source", choices=["people", "neural"])
    p.add_argument("--bank", type=pathlib.Path, required=True)
    p.add_argument("--speech", type=pathlib.Path, help="folder with commands/<word>/*.flac")
    p.add_argument("--kokoro", type=pathlib.Path, help="folder with model.onnx, vocab.json, voices/")
    p.add_argument("--heldout", action="store_true", help="the voices of the tests")
    p.add_argument("--mixed", type=int, default=0, help="also so many mixtures of two training styles")
    p.add_argument("--minutes", type=float, default=0, help="begin no voice after that long")
    a = p.parse_args()
    a.bank.mkdir(parents=True, exist_ok=True)
    if a.source == "people" and a.speech:
        make_people(a.speech, a.bank)
    elif a.source == "neural" and a.kokoro:
        make_neural(a.kokoro, a.bank, a.heldout, a.mixed, a.minutes)
    else:
        p.error("people needs --speech, neural needs --kokoro")


if __name__ == "__main__":
    main()
