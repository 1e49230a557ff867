"""Neural voice detection: Silero."""

from __future__ import annotations

from typing import Any

import hocket

from assistant import models
from assistant.utterances import FRAME, RATE_HZ, Rules, Utterances

_CONTEXT = 64  # samples before a frame that the model sees, too


class Silero:
    """Probabilities of speech, a frame of 512 samples of 16 kHz after the other."""

    def __init__(self, folder: Any) -> None:
        import numpy

        self.np = numpy
        self.net = models.session(folder / "silero_vad.onnx")
        self.reset()

    def reset(self) -> None:
        self.state = self.np.zeros((2, 1, 128), "f4")
        self.context = self.np.zeros(_CONTEXT, "f4")

    def __call__(self, frame: Any) -> float:
        both = self.np.concatenate([self.context, frame]).astype("f4")
        out, self.state = self.net.run(None, {"input": both[None], "state": self.state,
                                              "sr": self.np.array(RATE_HZ, "i8")})
        self.context = both[-_CONTEXT:]
        return float(out[0, 0])


class Ears(hocket.Component):
    """Tells when a person speaks, by a neural detector (Silero), and cuts the sound into utterances."""

    inputs = {"audio": hocket.port(hocket.Audio, "sound in chunks of any length", rate_hz=16000, channels=1)}
    outputs = {
        "events": hocket.port(hocket.Text, "`speech_begin`, `barge_in`, `speech_end`, role `vad`"),
        "segments": hocket.port(hocket.Audio, "a chunk per utterance, when it has ended", rate_hz=16000, channels=1),
    }
    models: str = hocket.setting("", "folder of the models; empty: where tools/setup --assistant puts them", path=True)
    threshold: float = hocket.setting(0.5, "what is more likely than this is speech", min=0.2, max=0.95)
    onset_ms: int = hocket.setting(64, "speech that lasts so long begins an utterance", unit="ms", min=32, max=1000)
    barge_in_ms: int = hocket.setting(256, "and so long interrupts whoever talks", unit="ms", min=32, max=5000)
    endpoint_ms: int = hocket.setting(500, "silence that lasts so long ends it", unit="ms", min=64, max=5000)
    pre_ms: int = hocket.setting(200, "sound before it that belongs to a segment", unit="ms", min=0, max=1000)
    max_ms: int = hocket.setting(15000, "a longer utterance is cut", unit="ms", min=1000, max=30000)

    def open(self) -> None:
        self._silero = Silero(models.need("silero", self.models))
        self._np = self._silero.np
        ms = RATE_HZ // 1000
        self._rules = Rules(self.threshold, self.onset_ms * ms, self.barge_in_ms * ms, self.endpoint_ms * ms,
                            self.max_ms * ms)
        self._start(0, fresh=True)

    def _start(self, first: int, fresh: bool = False) -> None:
        self._found = Utterances(self._rules)
        self._held = self._np.zeros(0, "f4")  # from _first on: not judged yet, or of the utterance
        self._first = self._judged = first
        self._began = not fresh
        self._silero.reset()

    def process(self, port: str, packet: hocket.Packet) -> None:
        audio = packet.payload
        samples = self._np.asarray(audio.samples, "f4").reshape(-1)
        gap = audio.first_sample - (self._first + len(self._held))
        if not self._began or abs(gap) > 60 * RATE_HZ:
            self._tell(self._found.finish())
            self._start(audio.first_sample)
        elif gap > 0:
            self.count("gap_samples", gap)
            samples = self._np.concatenate([self._np.zeros(gap, "f4"), samples])
        elif gap < 0:
            self.count("repeated_samples", min(-gap, len(samples)))
            samples = samples[-gap:]
        self._held = self._np.concatenate([self._held, samples])
        while self._judged + FRAME <= self._first + len(self._held):
            at = self._judged - self._first
            likely = self._silero(self._held[at:at + FRAME])
            self._tell(self._found.frame(self._judged, likely))
            self._judged += FRAME
        self._forget()

    def _forget(self) -> None:
        """Keeps what a segment may still need."""
        pre = self.pre_ms * RATE_HZ // 1000 + self._rules.onset
        keep = self._found.begin - pre if self._found.speaking else self._judged - pre
        if keep > self._first:
            self._held = self._held[keep - self._first:].copy()
            self._first = keep

    def _tell(self, found: list[tuple[str, int]]) -> None:
        for what, sample in found:
            if what == "speech_end":
                self.count("utterances")
                first = max(self._first, self._found.begin - self.pre_ms * RATE_HZ // 1000)
                end = min(sample + self.pre_ms * RATE_HZ // 1000, self._judged + FRAME)
                cut = self._held[first - self._first:end - self._first]
                self.emit("segments", hocket.Audio(cut.reshape(-1, 1), RATE_HZ, first_sample=first),
                          first * 1_000_000_000 // RATE_HZ)
            self.emit("events", hocket.Text(what, "vad"), sample * 1_000_000_000 // RATE_HZ)

    def on_control(self, port: str, packet: hocket.Packet) -> None:
        if packet.payload.what == "end_of_stream":
            self.close()

    def close(self) -> None:
        self._tell(self._found.finish())
