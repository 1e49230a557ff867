"""Utterances out of the probabilities of speech: what begins, interrupts, ends. Pure."""

from __future__ import annotations

from dataclasses import dataclass

RATE_HZ = 16000
FRAME = 512  # samples that Silero judges at once: 32 ms


@dataclass(slots=True)
class Rules:
    """When speech is taken for an utterance. Times in samples."""

    threshold: float = 0.5
    onset: int = 1024
    barge_in: int = 4000
    endpoint: int = 8000
    longest: int = 15 * RATE_HZ


class Utterances:
    """From frame to frame: `(what, sample)` with what = speech_begin, barge_in or speech_end."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.speaking = False
        self.begin = self.last = 0  # of the utterance: its first sample, the one behind its last
        self._run = self._voiced = 0
        self._barged = False

    def frame(self, first: int, probability: float) -> list[tuple[str, int]]:
        end, rules = first + FRAME, self.rules
        # Once somebody speaks, less is enough to go on.
        voiced = probability >= (rules.threshold - 0.15 if self.speaking else rules.threshold)
        if not self.speaking:
            self._run = self._run + FRAME if voiced else 0
            if self._run < rules.onset:
                return []
            self.speaking, self._barged = True, False
            self.begin, self.last, self._voiced = end - self._run, end, self._run
            return [("speech_begin", self.begin), *self._interrupts(end)]
        if voiced:
            self.last, self._voiced = end, self._voiced + FRAME
        if end - self.last >= rules.endpoint or end - self.begin >= rules.longest:
            return self.finish()
        return self._interrupts(end) if voiced else []

    def finish(self) -> list[tuple[str, int]]:
        """Ends the utterance that is under way."""
        if not self.speaking:
            return []
        self.speaking, self._run = False, 0
        return [("speech_end", self.last)]

    def _interrupts(self, end: int) -> list[tuple[str, int]]:
        if self._barged or self._voiced < self.rules.barge_in:
            return []
        self._barged = True
        return [("barge_in", end)]
