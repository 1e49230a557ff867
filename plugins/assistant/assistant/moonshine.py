"""Moonshine (tiny, English) on onnxruntime: sound to text, greedily."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assistant import models

_BEGIN, _END = 1, 2
_TOKENS_PER_S = 6.5  # more are no speech: the model repeats itself
_SHORTEST = 1600  # samples: shorter than any word


def read_tokens(data: bytes) -> list[bytes]:
    """The vocabulary: per token its length (two bytes from 128 on) and its bytes. Errors: ValueError."""
    out, i = [], 0
    while i < len(data):
        n, i = data[i], i + 1
        if n >= 128:
            if i >= len(data):
                raise ValueError("tokenizer.bin ends in a length")
            n, i = data[i] * 128 + n - 128, i + 1
        if i + n > len(data):
            raise ValueError("tokenizer.bin ends in a token")
        out.append(data[i:i + n])
        i += n
    return out


class Moonshine:
    """`folder`: encoder_model.ort, decoder_model_merged.ort, tokenizer.bin."""

    def __init__(self, folder: Path) -> None:
        import numpy

        self.np = numpy
        self.encoder = models.session(folder / "encoder_model.ort")
        self.decoder = models.session(folder / "decoder_model_merged.ort")
        self.tokens = read_tokens((folder / "tokenizer.bin").read_bytes())
        self.past = [i.name for i in self.decoder.get_inputs() if i.name.startswith("past_key_values")]
        shape = next(i.shape for i in self.decoder.get_inputs() if i.name == self.past[0])
        self.nothing = numpy.zeros((1, shape[1], 0, shape[3]), "f4")

    def __call__(self, samples: Any) -> str:
        """samples: [n] f32 at 16 kHz, 30 s at most; the words as they are written."""
        np = self.np
        if len(samples) < _SHORTEST:
            return ""
        sound = np.asarray(samples, "f4")[None]
        mask = np.ones(sound.shape, "i8")
        heard = self.encoder.run(None, {"input_values": sound, "attention_mask": mask})[0]
        past = dict.fromkeys(self.past, self.nothing)
        token, first, text = _BEGIN, True, b""
        for _ in range(4 + int(len(samples) / 16000 * _TOKENS_PER_S)):
            logits, *now = self.decoder.run(None, {
                "input_ids": np.array([[token]], "i8"), "encoder_hidden_states": heard,
                "encoder_attention_mask": mask, "use_cache_branch": np.array([not first]), **past})
            # What it made of the sound is computed once, and empty from then on.
            past.update({n: v for n, v in zip(self.past, now) if first or ".decoder." in n})
            token, first = int(logits[0, -1].argmax()), False
            if token == _END:
                break
            if token < len(self.tokens):
                text += self.tokens[token]
        return " ".join(text.decode("utf-8", "replace").replace("\u2581", " ").split())
