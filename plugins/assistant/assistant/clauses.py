"""Text in pieces that a voice says one by one, and when their words sound. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BREAK = re.compile(r"(?<=[.!?;:,])\s+")
_FIRST, _MOST = 6, 14  # words: a short first piece is heard sooner


def clauses(text: str) -> list[str]:
    """The pieces of a text: at marks where they are, at a word where there are none; the first short."""
    out: list[list[str]] = []
    for part in _BREAK.split(" ".join(text.split())):
        words = part.split()
        if out and len(out[-1]) + len(words) <= (_FIRST if len(out) == 1 else _MOST) and out[-1][-1][-1] not in ".!?":
            out[-1] += words
            continue
        while words:
            # What is left of a long piece is no single word.
            most = _MOST if len(words) != _MOST + 1 else _MOST - 1
            out.append(words[:most])
            words = words[most:]
    return [" ".join(words) for words in out]


@dataclass(slots=True)
class Word:
    """A word of a piece: [begin, end) in samples of its sound."""

    text: str
    begin: int
    end: int


def spread(text: str, samples: int) -> list[Word]:
    """The words over the sound, each as long as its letters: the model tells no times."""
    words = text.split()
    weights = [2 + sum(c.isalnum() for c in w) + 3 * (w[-1] in ".,;:!?") for w in words]
    at, out, whole = 0, [], max(1, sum(weights))
    for word, weight in zip(words, weights):
        begin = at * samples // whole
        at += weight
        out.append(Word(word, begin, at * samples // whole))
    return out
