"""Kokoro-82M (Apache-2.0) on onnxruntime, and word times by PocketSphinx's forced alignment."""
import json
import random
import subprocess

import numpy

# Of the English styles, af_bella, am_fenrir, am_michael, am_puck, bf_emma and bf_isabella are used nowhere
# here: others judge with them. af_nova is the model itself (own_voice.py), and so nobody else.
HELDOUT = ["af_kore", "am_liam", "bf_lily", "bm_george"]
TRAIN = ["af_heart", "am_adam", "bf_alice", "bm_daniel", "af_sarah", "am_eric", "bm_lewis",
         "am_onyx", "af_sky", "bm_fable", "am_echo", "af_jessica", "af_river", "am_santa", "af_aoede",
         "af_alloy", "af_nicole"]


def mixture(name):
    """A voice of nobody: two of TRAIN's styles (American or British both), and the share of the first.
    By its name, so that a bank made in two calls holds the same."""
    rng = random.Random(name)
    first = rng.choice(TRAIN)
    second = rng.choice([s for s in TRAIN if s[0] == first[0] and s != first])
    return first, second, rng.uniform(0.3, 0.7)


_SOUNDS = [("aɪ", "I"), ("aʊ", "W"), ("eɪ", "A"), ("oʊ", "O"), ("əʊ", "Q"), ("ɔɪ", "Y"), ("tʃ", "ʧ"),
           ("dʒ", "ʤ"), ("ɚ", "əɹ"), ("ɜː", "ɜɹ"), ("ɐ", "ə"), ("r", "ɹ"), ("ɹɹ", "ɹ"), ("ɾ", "T"), ("ː", "")]


def sounds_of(text, language):
    """Phonemes as the model writes them; no marks in the text."""
    ipa = subprocess.run(["espeak-ng", "-q", "--ipa=3", "-v", language, text], capture_output=True, text=True,
                         check=True).stdout
    ipa = " ".join(ipa.replace("_", "").replace("\u200d", "").split())
    for old, new in _SOUNDS:
        ipa = ipa.replace(old, new)
    return ipa


class voice:
    """`folder`: model.onnx, vocab.json, voices/<style>.bin (README.md says where they come from)."""

    def __init__(self, folder):
        import onnxruntime

        how = onnxruntime.SessionOptions()
        how.intra_op_num_threads = how.inter_op_num_threads = 1
        self.net = onnxruntime.InferenceSession(str(folder / "model.onnx"), how,
                                                providers=["CPUExecutionProvider"])
        vocabulary = json.loads((folder / "vocab.json").read_text())
        self.ids, self.folder, self.styles = vocabulary.get("vocab", vocabulary), folder, {}

    def phonemes(self, text, british):
        out, part = "", ""
        for c in text + "\0":
            if c not in ",.?!\0":
                part += c
                continue
            if part.strip():
                out += (" " if out else "") + sounds_of(part.strip(), "en-gb" if british else "en-us")
            out += c if c != "\0" else ""
            part = ""
        return out

    def table(self, style):
        """[tokens, 1, 256]: how the style sounds, by the length of what it says; "mix_..." is a mixture."""
        if style not in self.styles:
            if style.startswith("mix_"):
                first, second, share = mixture(style)
                a, b = self.table(first), self.table(second)
                n = min(len(a), len(b))
                self.styles[style] = share * a[:n] + (1 - share) * b[:n]
            else:
                raw = (self.folder / "voices" / f"{style}.bin").read_bytes()
                self.styles[style] = numpy.frombuffer(raw, "<f4").reshape(-1, 1, 256)
        return self.styles[style]

    def say(self, text, style, speed):
        """float samples at 16 kHz."""
        british = (mixture(style)[0] if style.startswith("mix_") else style)[0] == "b"
        return self.say_sounds(self.phonemes(text, british), style, speed)

    def say_sounds(self, phonemes, style, speed):
        ids = [self.ids[c] for c in phonemes if c in self.ids]
        table = self.table(style)
        made = self.net.run(None, {"tokens": numpy.array([[0, *ids, 0]], numpy.int64),
                                   "style": table[min(len(ids), len(table) - 1)].astype(numpy.float32),
                                   "speed": numpy.array([speed], numpy.float32)})[0]
        return to_16k(numpy.asarray(made, numpy.float64).reshape(-1))


def to_16k(x):
    """24 kHz to 16 kHz."""
    import scipy.signal

    return scipy.signal.resample_poly(x, 2, 3)


_decoder = None


def align(samples, text, more_words=None):
    """[(word, first, one past last)] in samples, or None where the recogniser does not find them.
    `more_words`: word -> sounds, for what its dictionary lacks."""
    global _decoder
    if _decoder is None:
        import pocketsphinx

        _decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
    for word, sounds in (more_words or {}).items():
        if _decoder.lookup_word(word) is None:
            _decoder.add_word(word, sounds, True)
    pad = numpy.zeros(1600)
    pcm = (numpy.clip(numpy.concatenate([pad, samples, pad]) * 3, -1, 1) * 32767).astype("<i2")
    try:
        _decoder.set_align_text(text)
        _decoder.start_utt()
        _decoder.process_raw(pcm.tobytes(), full_utt=True)
        _decoder.end_utt()
        found = [(s.word.split("(")[0], s.start_frame * 160 - 1600, (s.end_frame + 1) * 160 - 1600)
                 for s in _decoder.seg() if s.word[0] not in "<["]
    except (RuntimeError, TypeError):
        return None
    if [w for w, _, _ in found] != text.split():
        return None
    n = len(samples)
    fit = [(w, min(max(s, 0), n), min(max(e, 0), n)) for w, s, e in found]
    fit[0], fit[-1] = (fit[0][0], 0, fit[0][2]), (fit[-1][0], fit[-1][1], n)
    return fit if all(s < e for _, s, e in fit) else None
