#!/usr/bin/env python3
"""A real recogniser and DNSMOS listen to what a model said in a run of `hocket eval duplex --keep-sound`.

  python3 judge.py OUT --whisper DIR      OUT is the --out folder of that run; writes OUT/judged.json
  hocket eval duplex ... --out OUT        the same command again: plays nothing, and reports what was found
  python3 judge.py OUT --whisper DIR      OUT is that of `hocket scenarios --phrases`: the teacher, and the
                                          teacher through the vocoder, beside each other

README.md beside this says what each judge needs; one that is missing is left out, and named.
"""
import argparse
import importlib.metadata
import json
import pathlib
import re
import sys
import wave

import numpy

RATE = 16000
FAMILY = "turn"  # whose answers the measures `speech.*` are about
_ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
         "sixteen seventeen eighteen nineteen").split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()


def number(n):
    """Words of 0 to 999, as the models write them."""
    if n >= 100:
        return [_ONES[n // 100], "hundred"] + (number(n % 100) if n % 100 else [])
    if n < 20:
        return [_ONES[n]]
    return [_TENS[n // 10]] + ([_ONES[n % 10]] if n % 10 else [])


def words_of(text):
    """Lower case, no marks, numbers in words."""
    out = []
    for w in re.findall(r"[a-z']+|\d+", text.lower().replace("-", " ")):
        out += number(int(w)) if w.isdigit() and int(w) < 1000 else [w]
    return ["okay" if w == "ok" else w for w in out]


def in_common(a, b):
    """Length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for k, y in enumerate(b):
            above = row[k + 1]
            row[k + 1] = diagonal + 1 if x == y else max(above, row[k])
            diagonal = above
    return row[-1]


def model_side(path):
    """[samples] of the right channel, 16 kHz."""
    with wave.open(str(path)) as f:
        if f.getnchannels() != 2 or f.getframerate() != RATE or f.getsampwidth() != 2:
            sys.exit(f"{path}: not what --keep-sound writes (16 kHz, stereo, 16 bit)")
        x = numpy.frombuffer(f.readframes(f.getnframes()), "<i2")
    return x.reshape(-1, 2)[:, 1].astype(numpy.float32) / 32768


def answer_of(folder, key):
    """What was said from the request on, with 0.1 s around, and its words; None where nothing was."""
    one = json.loads((folder / f"{key}.json").read_text())
    sounds, did = one["item"].get("sounds", []), one["timeline"]
    begin = min((s["start"] for s in sounds if s.get("who") == "user"), default=0) / RATE
    words = [w["word"] for w in did.get("words", []) if w["at_s"] >= begin]
    speech = [s for s in did.get("speech", []) if s["from_s"] >= begin]
    if not words or not speech:
        return None
    sound = model_side(folder / f"{key}.wav")
    first, last = max(0, speech[0]["from_s"] - 0.1), speech[-1]["to_s"] + 0.1
    return sound[int(first * RATE):int(last * RATE)], words


class whisper:
    def __init__(self, folder):
        import faster_whisper

        self.net = faster_whisper.WhisperModel(str(folder), device="cpu", compute_type="int8")
        version = importlib.metadata.version("faster-whisper")
        self.name = f"{pathlib.Path(folder).name} (faster-whisper {version})"

    def words(self, sound):
        heard, _ = self.net.transcribe(sound, language="en", beam_size=5, condition_on_previous_text=False)
        return words_of(" ".join(s.text for s in heard))


class dnsmos:
    def __init__(self):
        from speechmos import dnsmos as net

        self.net, self.name = net, f"DNSMOS (speechmos {importlib.metadata.version('speechmos')})"

    def overall(self, sound):
        """1 to 5; a short answer is repeated to 9 s, as the package does. `p808`: of the same sound, its other
        model's opinion."""
        loudest = max(1.0, float(numpy.abs(sound).max()))
        found = self.net.run(sound / loudest, sr=RATE)
        self.p808 = float(found["p808_mos"])
        return float(found["ovrl_mos"])


def judges(a):
    """The recogniser and the judge of quality, or None; why they are missing is said."""
    found = []
    for what, make in (("recogniser", lambda: whisper(a.whisper)), ("quality", dnsmos)):
        if what == "recogniser" and not a.whisper:
            print("no recogniser: --whisper DIR", file=sys.stderr)
            found.append(None)
            continue
        try:
            found.append(make())
        except ImportError as e:
            print(f"no {what}: {e}; see README.md", file=sys.stderr)
            found.append(None)
    return found


def sides_of(path):
    """[samples, 2], 16 kHz."""
    with wave.open(str(path)) as f:
        return numpy.frombuffer(f.readframes(f.getnframes()), "<i2").reshape(-1, 2).astype(numpy.float32) / 32768


def judge_phrases(folder, ear, taste, every):
    """What `hocket scenarios --phrases` wrote: words found and DNSMOS of the teacher and of the vocoder."""
    made = json.loads((folder / "phrases.json").read_text())
    sums = {side: {"said": 0, "understood": 0, "dnsmos": [], "p808": []} for side in ("teacher", "vocoded")}
    for one in made["items"][::every]:
        said = one["text"].split()
        both = sides_of(folder / one["file"])
        loud = numpy.flatnonzero(numpy.abs(both).max(axis=1) > 0.003)  # as an answer: with 0.1 s around
        if len(loud):
            both = both[max(0, loud[0] - RATE // 10):loud[-1] + RATE // 10]
        for side, sound in zip(sums, both.T):
            s = sums[side]
            if ear:
                s["said"] += len(said)
                s["understood"] += in_common(said, ear.words(sound))
            if taste:
                s["dnsmos"].append(taste.overall(sound))
                s["p808"].append(taste.p808)
    found = {"recogniser": ear.name if ear else "", "quality": taste.name if taste else ""}
    for side, s in sums.items():
        found[side] = dict(made[side])
        if ear:
            found[side]["words_found"] = round(s["understood"] / s["said"], 4)
        if taste:
            found[side].update(dnsmos=round(float(numpy.mean(s["dnsmos"])), 3),
                               dnsmos_p808=round(float(numpy.mean(s["p808"])), 3))
    (folder / "judged.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("out", type=pathlib.Path, help="the --out folder of a run with --keep-sound")
    p.add_argument("--whisper", type=pathlib.Path, help="folder of a Whisper model for CTranslate2")
    p.add_argument("--every", type=int, default=1, help="of phrases: only each n-th")
    a = p.parse_args()
    if (a.out / "phrases.json").exists():
        ear, taste = judges(a)
        if not ear and not taste:
            sys.exit("no judge at all")
        return judge_phrases(a.out, ear, taste, a.every)
    folder, run = a.out / "items", a.out / "run.json"
    if not run.exists():
        p.error(f"{a.out} holds no run of `hocket eval duplex`")
    wavs = sorted(w for w in (folder / FAMILY).glob("*.wav") if "@" not in w.stem)  # "@": under a condition
    if not wavs:
        p.error(f"{folder / FAMILY} has no sound: `hocket eval duplex ... --keep-sound --fresh`")
    if a.whisper and not (a.whisper / "model.bin").exists():
        p.error(f"--whisper {a.whisper}: no model.bin there; a Whisper model for CTranslate2 has one")
    ear, taste = judges(a)
    if not ear and not taste:
        sys.exit("no judge at all")
    items = {}
    for n, path in enumerate(wavs):
        key = f"{FAMILY}/{path.stem}"
        answer = answer_of(folder, key)
        if not answer:
            continue
        sound, said = answer
        one = items[key] = {}
        if ear:
            one.update(said=len(said), understood=in_common(said, ear.words(sound)))
        if taste:
            one["dnsmos"] = taste.overall(sound)
        print(f"\r{n + 1} of {len(wavs)}", end="", file=sys.stderr)
    found = {"identity": json.loads(run.read_text())["identity"],
             "recogniser": ear.name if ear else "", "quality": taste.name if taste else "",
             "items": items}
    part = a.out / "judged.json.part"
    part.write_text(json.dumps(found, indent=1) + "\n")
    part.rename(a.out / "judged.json")
    print(f"\n{a.out / 'judged.json'}: {len(items)} answers", file=sys.stderr)


if __name__ == "__main__":
    main()
