"""Whose turn it is: by silence, or as the interaction model feels it."""

from __future__ import annotations

import hocket

_TURN_MS = 200


class Timing(hocket.Component):
    """Decides when the person's turn ends, and whether to fall silent, as a duplex model does.

    The model hears the person beside the assistant and is not heard. Where its voice begins behind the
    person's words, the turn has ended; where it stays silent the person only pauses. Where the person
    speaks into the assistant's words and the model falls silent, or answers anew, so does the assistant;
    where the model goes on (a cough, "uh huh", talk for others) the words are ignored. Silence of
    `longest_pause_ms`, or `yield_ms` of speech, decides where the model does not.
    With `decides: silence` it hands the detector's events on.
    """

    inputs = {
        "events": hocket.port(hocket.Text, "of the detector: `speech_begin`, `barge_in`, `speech_end`"),
        "state": hocket.port(hocket.Tensor, "state of interaction.model, [8] f32 a micro-turn", required=False),
        "delegations": hocket.port(hocket.Delegation, "of the model: it took what was said for a request", required=False),
        "floor": hocket.port(hocket.Text, "`speaks` and `silent` of the voice", required=False),
    }
    outputs = {"events": hocket.port(hocket.Text, "`speech_begin`, `barge_in`, `speech_end`, `ignored`; role `timing`")}
    decides: str = hocket.setting("model", "what decides", choices=["model", "silence"])
    longest_pause_ms: int = hocket.setting(1400, "a longer silence ends a turn whatever the model does", unit="ms",
                                           min=100, max=10000)
    yield_ms: int = hocket.setting(1200, "whoever speaks longer into the assistant's words interrupts", unit="ms",
                                   min=100, max=10000)

    def open(self) -> None:
        self._speaks = False  # the assistant
        self._gate = False  # the model's voice, in the newest micro-turn
        self._begin: int | None = None  # of the person's turn, ns
        self._end: int | None = None  # of its last words, while they may be the last
        self._over = False  # the turn began in the assistant's words, and is not decided
        self._was_open = False  # the model spoke when it began
        self._asked = False  # the model delegated what was said since
        self._last = 0

    def process(self, port: str, packet: hocket.Packet) -> None:
        payload = packet.payload
        if port == "floor":
            self._speaks = payload.value == "speaks"
        elif port == "events" and self.decides == "silence":
            self._tell(payload.value, packet.ts)
        elif port == "events":
            self._hear(payload.value, packet.ts)
        elif port == "delegations":
            self._asked = True
        elif self.decides == "model":
            self._feel(payload.data, packet.ts)

    def _hear(self, what: str, ts: int) -> None:
        if what == "speech_begin":
            if self._begin is None:
                self._begin, self._over, self._was_open = ts, self._speaks, self._gate
                self._tell("speech_begin", ts)
            self._end = None
        elif what == "speech_end" and self._begin is not None:
            self._end = ts

    def _feel(self, state: object, ts: int) -> None:
        """A micro-turn of the model: [2..5] are its voice's gates, each 50 ms."""
        asked, self._asked = self._asked, False
        opened = asked or any(float(state[i]) > 0.5 for i in range(2, 6))  # type: ignore[index]
        begins, stops = opened and not self._gate, self._gate and not opened
        self._gate = opened
        if self._begin is None:
            return
        # The state is of the micro-turn that ts begins; it was computed from what was heard before.
        now = ts
        if self._over:
            talked = (self._end or now) - self._begin
            if (self._was_open and stops and now - self._begin > 100_000_000) or begins or (
                    self._end is None and talked > self.yield_ms * 1_000_000):
                self.count("yielded")
                self._over = False
                self._tell("barge_in", now)
            elif self._end is not None and now - self._end > 2 * _TURN_MS * 1_000_000:
                self.count("went_on")
                self._begin = self._end = None
                self._tell("ignored", now)
                return
        if self._over or self._end is None:
            return
        waited = now - self._end
        if opened or waited > self.longest_pause_ms * 1_000_000:
            self.count("turns_by_the_model" if opened else "turns_by_silence")
            end = self._end
            self._begin = self._end = None
            self._tell("speech_end", end)

    def _tell(self, what: str, ts: int) -> None:
        self._last = max(self._last, ts)
        self.emit("events", hocket.Text(what, "timing"), self._last)
