"""The voice: says text with Kokoro on stream time, until somebody interrupts."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import hocket

from assistant import clauses, models
from assistant.kokoro import RATE_HZ, Kokoro

_BETWEEN = RATE_HZ // 8  # silence between two texts
_PAUSE = {".": 0.16, "!": 0.16, "?": 0.16, ";": 0.1, ":": 0.1, ",": 0.06}  # s, behind a piece


@dataclass(slots=True)
class _Piece:
    text: str
    samples: Any
    begin: int  # sample of stream time
    words: list[clauses.Word] = field(default_factory=list)
    sent: int = 0
    reported: int = 0

    @property
    def end(self) -> int:
        return self.begin + len(self.samples)


class Voice(hocket.Component):
    """Says text with Kokoro, clause by clause, on stream time, until somebody interrupts.

    The first clause sounds while the next ones are made, by a thread of its own; in virtual time they are
    made at once. Words are told when they begin to sound (their times are estimated from their lengths).
    """

    inputs = {
        "text": hocket.port(hocket.Text, "what to say (role `model`), or `resume`"),
        "events": hocket.port(hocket.Text, "`barge_in` breaks off", required=False),
    }
    outputs = {
        "audio": hocket.port(hocket.Audio, "its voice, up to 200 ms a packet, ts = when it is heard",
                             rate_hz=16000, channels=1),
        "words": hocket.port(hocket.Text, "words as they begin to sound, role `model`"),
        "floor": hocket.port(hocket.Text, "`speaks` and `silent`, role `voice`"),
    }
    ticks = True
    models: str = hocket.setting("", "folder of the models; empty: where tools/setup --assistant puts them", path=True)
    style: str = hocket.setting("af_heart", "one of Kokoro's: af_ and am_ are American, bf_ and bm_ British")
    speed: float = hocket.setting(1.1, "of speech; the pitch stays", min=0.5, max=2)
    playout_delay_ms: int = hocket.setting(60, "the playout's delay_ms: what already sounds is told by it", unit="ms",
                                           min=0, max=2000)

    def open(self) -> None:
        self._kokoro = Kokoro(models.need("kokoro", self.models), self.style)
        self._pieces: deque[_Piece] = deque()
        self._rest = ""  # unsaid of what was broken off
        self._last_end = self._last_sent = self._wave = 0
        self._waiting: list[str] = []  # given to the thread, in order
        self._holds = contextlib.ExitStack()  # while any waits the run does not end
        self._speaks = False
        self._work: queue.Queue[tuple[int, str] | None] = queue.Queue()
        self._thread = None
        if not self.context.is_virtual:
            self._thread = threading.Thread(target=self._make_all, daemon=True)
            self._thread.start()

    def process(self, port: str, packet: hocket.Packet) -> None:
        text = packet.payload
        if port == "events":
            if text.value == "barge_in" and self._break_off(True):
                self.count("barge_ins")
            return
        words = text.value
        if text.role == "resume":
            words = self._rest
            if words:
                self.count("resumed")
        self._rest = ""
        for i, clause in enumerate(clauses.clauses(words)):
            self.count("clauses")
            if self._thread is None:
                self._add(self._wave, clause, self._kokoro(clause, self.speed), i == 0)
                continue
            if not self._waiting:
                self._holds.enter_context(self.work_under_way())
            self._waiting.append(clause)
            self._work.put((self._wave, clause))

    def _make_all(self) -> None:
        """The thread: makes sound of what waits."""
        while (job := self._work.get()) is not None:
            wave, clause = job
            if wave != self._wave:
                continue
            with self.work_under_way():
                try:
                    samples = self._kokoro(clause, self.speed)
                except Exception as e:  # noqa: BLE001 (whatever it is, the restart policy has to see it)
                    self.run(lambda w=wave, e=e: self._failed(w, e))  # type: ignore[misc]
                else:
                    self.run(lambda w=wave, c=clause, s=samples: self._made(w, c, s))  # type: ignore[misc]

    def _taken(self, wave: int) -> bool:
        """The thread is done with the first that waits; False where it was broken off."""
        if wave != self._wave:
            return False
        self._waiting.pop(0)
        if not self._waiting:
            self._holds.close()
        return True

    def _failed(self, wave: int, why: Exception) -> None:
        self._taken(wave)
        raise why

    def _made(self, wave: int, clause: str, samples: Any) -> None:
        if not self._taken(wave):
            return
        self._add(wave, clause, samples, not self._pieces)

    def _add(self, wave: int, clause: str, samples: Any, fresh: bool) -> None:
        if not len(samples):
            return
        begin = max(self._now(), self._last_sent)
        if self._pieces:
            begin = max(begin, self._last_end + (_BETWEEN if fresh else 0))
        pause = self._kokoro.np.zeros(int(_PAUSE.get(clause[-1], 0) * RATE_HZ), "f4")
        piece = _Piece(clause, self._kokoro.np.concatenate([samples, pause]), begin,
                       clauses.spread(clause, len(samples)))
        self._pieces.append(piece)
        self._last_end = piece.end
        if not self._speaks:
            self._speaks = True
            self.emit("floor", hocket.Text("speaks", "voice"), self.now)
        turn = self.context.micro_turn_ns
        self._send(((self.now // turn) + 2) * turn * RATE_HZ // 1_000_000_000)

    def tick(self, micro_turn: int) -> None:
        self._send((micro_turn + 3) * self.context.micro_turn_ns * RATE_HZ // 1_000_000_000)
        self._report(self._heard())

    def _now(self) -> int:
        return -(-self.now * RATE_HZ // 1_000_000_000)

    def _heard(self) -> int:
        return self._now() - self.playout_delay_ms * RATE_HZ // 1000

    def _send(self, until: int) -> None:
        """Hands over what is heard before `until`, cut at micro-turns."""
        per_turn = self.context.micro_turn_ns * RATE_HZ // 1_000_000_000
        for p in self._pieces:
            while p.begin + p.sent < min(until, p.end):
                start = p.begin + p.sent
                to = min(until, p.end, (start // per_turn + 1) * per_turn)
                part = p.samples[p.sent:to - p.begin]
                self.emit("audio", hocket.Audio(part.reshape(-1, 1), RATE_HZ, first_sample=start), _ns(start))
                p.sent = to - p.begin
                self._last_sent = start

    def _report(self, heard: int) -> None:
        """Tells the words that began to sound, and forgets what has sounded."""
        for p in self._pieces:
            while p.reported < len(p.words) and p.begin + p.words[p.reported].begin < heard:
                word = p.words[p.reported]
                self.emit("words", hocket.Text(word.text, "model"), _ns(p.begin + word.begin))
                p.reported += 1
        while self._pieces and self._pieces[0].end <= heard:
            self._pieces.popleft()
        if self._speaks and not self._pieces and not self._waiting:
            self._speaks = False
            self.emit("floor", hocket.Text("silent", "voice"), self.now)

    def _break_off(self, raises: bool) -> bool:
        """Breaks off what sounds or waits; False where there is nothing."""
        heard = self._heard()
        while self._pieces and self._pieces[0].end <= heard:
            self._report(self._pieces[0].end)
        if not self._pieces and not self._waiting:
            return False
        if raises:
            self.interrupt()  # before the words: they are heard, the sound behind them is not
        self._report(heard)
        unsaid = [w.text for p in self._pieces for w in p.words if p.begin + w.end > heard]
        self._rest = " ".join([*unsaid, *self._waiting])
        self._wave += 1
        self._pieces.clear()
        self._waiting.clear()
        self._holds.close()
        self._report(heard)
        self.count("interrupted")
        return True

    def on_control(self, port: str, packet: hocket.Packet) -> None:
        if packet.payload.what == "interrupt":
            self._break_off(False)

    def close(self) -> None:
        """What was begun is said to its end: the playout plays what it gets."""
        self._work.put(None)
        self._holds.close()
        self._send(1 << 62)
        self._report(1 << 62)


def _ns(sample: int) -> int:
    return sample * 1_000_000_000 // RATE_HZ
