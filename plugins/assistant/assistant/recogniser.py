"""The recogniser: writes down utterances while they are spoken."""

from __future__ import annotations

import hocket

from assistant import models
from assistant.moonshine import Moonshine
from assistant.whisper import Whisper

_RATE_HZ = 16000
_LONGEST = 30 * _RATE_HZ
_PART = 28 * _RATE_HZ  # the decoder takes 30 s: a longer utterance is written down in parts,
_SEARCHED = 4 * _RATE_HZ  # cut at the quietest place in the last of them
_QUIET = _RATE_HZ // 10
_SURE = 1600  # samples of silence behind a word: then nothing of it is missing


class Recogniser(hocket.Component):
    """Writes down what a person says while it is said, with Moonshine or Whisper.

    While somebody speaks it decodes what there is of the utterance again and again (`partial`). When the
    end is told it is often there already: words that were decoded with silence behind them are final.
    Who speaks on for more than 28 s is written down in parts, joined when the end is told.
    """

    inputs = {
        "audio": hocket.port(hocket.Audio, "the person's sound", rate_hz=16000, channels=1),
        "events": hocket.port(hocket.Text, "`speech_begin`, `speech_end`; `ignored`: was not meant for it"),
    }
    outputs = {
        "text": hocket.port(hocket.Text, "an utterance, when it has ended, role `heard`"),
        "partial": hocket.port(hocket.Text, "what there is of one, role `partial`, not final"),
    }
    recogniser: str = hocket.setting("moonshine", "the model: `whisper` is larger and knows many languages; it is installed "
                                "by itself", choices=["moonshine", "whisper"])
    language: str = hocket.setting("en", "of Whisper: `en`, `de`, …; empty: it finds out in each utterance")
    models: str = hocket.setting("", "folder of the models; empty: where tools/setup --assistant puts them", path=True)
    partial_ms: int = hocket.setting(320, "how often it decodes while somebody speaks; 0: only at the end", unit="ms",
                                     min=0, max=10000)
    late_ms: int = hocket.setting(400, "sound that is older is not decoded before the end", unit="ms", min=20, max=10000)
    pre_ms: int = hocket.setting(250, "sound before speech that belongs to it", unit="ms", min=0, max=1000)
    post_ms: int = hocket.setting(200, "and behind it", unit="ms", min=0, max=1000)

    def open(self) -> None:
        if self.recogniser == "whisper":
            self._decode: Moonshine | Whisper = Whisper(models.need("whisper", self.models), self.language)
        else:
            self._decode = Moonshine(models.need("moonshine", self.models))
        self._np = self._decode.np
        self._held = self._np.zeros(0, "f4")
        self._first = 0
        self._begin: int | None = None  # of the utterance
        self._partial_to, self._partial = 0, ""
        self._before = ""  # words of its parts that are written down

    @property
    def _next(self) -> int:
        return self._first + len(self._held)

    def process(self, port: str, packet: hocket.Packet) -> None:
        if port == "events":
            return self._event(packet.payload.value, packet.ts * _RATE_HZ // 1_000_000_000)
        audio = packet.payload
        samples = self._np.asarray(audio.samples, "f4").reshape(-1)
        gap = audio.first_sample - self._next
        if abs(gap) > _LONGEST or not len(self._held):
            self._held, self._first = samples.copy(), audio.first_sample
        elif gap >= 0:
            self._held = self._np.concatenate([self._held, self._np.zeros(gap, "f4"), samples])
        else:
            self._held = self._np.concatenate([self._held, samples[-gap:]])
        while self._begin is not None and self._next - self._begin > _PART:
            self._cut()
        keep = self._next - _LONGEST if self._begin is None else max(self._begin, self._next - _LONGEST)
        if keep > self._first + _RATE_HZ:
            self._held, self._first = self._held[keep - self._first:].copy(), keep
        self._decode_on(packet.ts)

    def _cut(self) -> None:
        """Writes down the first part of an utterance that grows too long."""
        self._within()
        if self._begin is None or self._next - self._begin <= _PART:
            return
        to = self._begin + _PART
        loud = self._np.abs(self._held[to - _SEARCHED - self._first:to - self._first])
        quiet = int(self._np.argmin(loud.reshape(-1, _QUIET).sum(axis=1)))
        at = to - _SEARCHED + quiet * _QUIET + _QUIET // 2
        self._before, self._begin = self._words(at), at
        self._partial_to, self._partial = max(self._partial_to, at), self._before
        self.count("parts")

    def _within(self) -> None:
        """What is no longer there of an utterance cannot be written down."""
        if self._begin is not None and self._begin < self._first:
            self.count("cut_samples", self._first - self._begin)
            self._begin = self._first

    def _decode_on(self, ts: int) -> None:
        if self._begin is None or not self.partial_ms:
            return
        if self._next - max(self._partial_to, self._begin) < self.partial_ms * _RATE_HZ // 1000:
            return
        if self.now - ts > self.late_ms * 1_000_000:
            return self.count("too_late_for_partial")
        self._partial_to, words = self._next, self._words(self._next)
        if words != self._partial:
            self._partial = words
            self.emit("partial", hocket.Text(words, "partial", final=False), self._ns(self._next))

    def _event(self, what: str, sample: int) -> None:
        if what == "speech_begin":
            self._begin = max(self._first, sample - self.pre_ms * _RATE_HZ // 1000)
            self._partial_to, self._partial, self._before = self._begin, "", ""
        elif what == "ignored":
            self._begin = None
        elif what == "speech_end" and self._begin is not None:
            end = min(self._next, sample + self.post_ms * _RATE_HZ // 1000)
            if self._partial_to >= min(end, sample + _SURE) and self._partial:
                self.count("ready_at_the_end")
                words = self._partial
            else:
                words = self._words(end)
            self._begin = None
            self.count("utterances" if words else "not_understood")
            if words:
                self.emit("text", hocket.Text(words, "heard"), self._ns(sample))

    def _words(self, end: int) -> str:
        self._within()
        assert self._begin is not None
        rest = self._decode(self._held[self._begin - self._first:end - self._first]) if end > self._begin else ""
        return " ".join(part for part in (self._before, rest) if part)

    @staticmethod
    def _ns(sample: int) -> int:
        return sample * 1_000_000_000 // _RATE_HZ
