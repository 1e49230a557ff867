"""Kokoro-82M on onnxruntime: a clause of English to samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assistant import models, phonemes

RATE_HZ = 16000
_MOST = 500  # phonemes that the model takes at once


class Kokoro:
    """`folder`: model.onnx, vocab.json, voices/STYLE.bin (float32, [n, 1, 256], a row per length)."""

    def __init__(self, folder: Path, style: str) -> None:
        import numpy

        self.np = numpy
        phonemes.check()
        table = folder / "voices" / f"{style}.bin"
        if not table.is_file():
            there = sorted(p.stem for p in table.parent.glob("[ab][fm]_*.bin"))
            raise RuntimeError(f"kokoro has no style `{style}`; English ones: {', '.join(there)}")
        self.styles = numpy.fromfile(table, "<f4").reshape(-1, 1, 256)
        self.british = style.startswith("b")
        vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        self.ids = vocabulary.get("vocab", vocabulary)
        self.net = models.session(folder / "model.onnx")
        # Half a sine cardinal: 24 kHz to 16 kHz is every third of twice as many.
        t = numpy.arange(-48, 49)
        self.filter = (numpy.sinc(t / 3) * numpy.kaiser(len(t), 8.0) * (2 / 3)).astype("f4")

    def __call__(self, text: str, speed: float = 1.0) -> Any:
        """[n] f32 at 16 kHz; nothing where the text holds no word."""
        np = self.np
        ids = [self.ids[c] for c in phonemes.phonemes(text, self.british) if c in self.ids][:_MOST]
        if not any(c.isalnum() for c in text) or not ids:
            return np.zeros(0, "f4")
        made = self.net.run(None, {"tokens": np.array([[0, *ids, 0]], "i8"),
                                   "style": self.styles[min(len(ids), len(self.styles) - 1)].astype("f4"),
                                   "speed": np.array([speed], "f4")})[0]
        return self.quiet_cut(self.to_16k(np.asarray(made, "f4").reshape(-1)))

    def to_16k(self, x: Any) -> Any:
        """[n] at 24 kHz to [2 n / 3] at 16 kHz."""
        twice = self.np.zeros(2 * len(x), "f4")
        twice[::2] = x
        return self.np.convolve(twice, self.filter, "same")[::3].astype("f4")

    def quiet_cut(self, x: Any) -> Any:
        """Without the silence before and behind the words, but for 20 and 80 ms."""
        loud = self.np.flatnonzero(self.np.abs(x) > 0.01)
        if not len(loud):
            return x[:0]
        return x[max(0, loud[0] - 320):loud[-1] + 1280]
