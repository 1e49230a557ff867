"""Between what was heard and what is said: hands requests to the background, and its answers to the voice."""

from __future__ import annotations

from dataclasses import dataclass

import hocket

_OVER = ("background.over", "background.left")
_ANEW = ("background.anew", "background.failed")
_MOST_NOTICES = 8  # under way at once


@dataclass(slots=True)
class _Task:
    request: int
    words: str = ""
    done: bool = False


class Talk(hocket.Component):
    """Turn-based talk: what was heard becomes a task of the background, its answer is said in sentences.

    Nothing is said while the person speaks. A new request while one is worked on replaces it; `stop_words`
    end all. What was ignored, or not understood, lets an answer that was interrupted go on. What the graph
    says of itself (words of request 0, a refusal of what was not asked here) is said whatever is worked on.
    """

    inputs = {
        "text": hocket.port(hocket.Text, "what was heard, an utterance a packet"),
        "events": hocket.port(hocket.Text, "`speech_begin`, `speech_end`, `ignored`"),
        "results": hocket.port(hocket.Text, "answers of the background, word by word", required=False),
    }
    outputs = {
        "say": hocket.port(hocket.Text, "what to say, role `model`, or `resume`"),
        "delegations": hocket.port(hocket.Delegation, "for the background"),
    }
    ticks = True
    stop_words: list[str] = hocket.setting(["stop", "never mind", "be quiet"], "utterances that end all")
    back_words: list[str] = hocket.setting(["uh huh", "mm hm", "yeah", "right", "okay", "i see"],
                                           "utterances that ask for nothing")
    join_ms: int = hocket.setting(2500, "who goes on so soon after an end had only paused: the words are joined",
                                  unit="ms", min=0, max=10000)
    settle_ms: int = hocket.setting(1500, "after an utterance: how long to wait for its words", unit="ms", min=0, max=10000)

    def open(self) -> None:
        self._hears = False
        self._awaits: int | None = None  # words of an utterance that ended then, ns
        self._task: _Task | None = None
        self._unsaid: list[hocket.Text] = []
        self._notices: dict[int, str] = {}  # of no request of ours, as far as they are here
        self._due: list[hocket.Text] = []  # notices that nobody may talk away
        self._next = 1
        self._began = 0  # the newest utterance, ns of stream time
        self._before = ("", -(1 << 62))  # the request before, and when its words ended
        self._last = 0

    def process(self, port: str, packet: hocket.Packet) -> None:
        if port == "events":
            self._event(packet.payload.value, packet.ts)
        elif port == "results":
            self._result(packet.payload)
        else:
            self._heard(packet.payload.value, packet.ts)
        self._speak()

    def tick(self, micro_turn: int) -> None:
        if self._awaits is not None and self.now - self._awaits > self.settle_ms * 1_000_000:
            self.count("not_understood")
            self._awaits = None
            self._say("", "resume")
        self._speak()

    def _event(self, what: str, ts: int) -> None:
        if what == "speech_begin":
            self._hears, self._began = True, ts
        elif what == "ignored":
            self._hears = False
        elif what == "speech_end":
            self._hears, self._awaits = False, self.now

    def _heard(self, words: str, ended: int) -> None:
        self._awaits = None
        if not words.strip():
            self.count("not_understood")
            return self._say("", "resume")
        plain = "".join(c for c in words.lower() if c.isalnum() or c in " '").strip()
        if plain in self.back_words:
            self.count("backchannels")
            return self._say("", "resume")
        before = self._task
        self._unsaid.clear()
        self._task = None
        if plain in self.stop_words:
            self.count("stopped")
            if before is not None and not before.done:
                self.emit("delegations", hocket.Delegation("", request=before.request, action="cancel"), self._ts())
            self._before = ("", ended)
            return
        said, end = self._before
        if said and self._began - end < self.join_ms * 1_000_000:
            self.count("joined")
            words = f"{said.rstrip('.?!, ')} {words[0].lower() if words[:2] != 'I ' else words[0]}{words[1:]}"
        self._before = (words, ended)
        task = _Task(self._next)
        self._next += 1
        self._task = task
        self.count("requests")
        self.emit("delegations", hocket.Delegation(
            words, request=task.request,
            supersedes=before.request if before is not None and not before.done else 0), self._ts())

    def _is_notice(self, text: hocket.Text) -> bool:
        """The graph's own words; what was asked here and is over is none."""
        if text.request in self._notices:
            return True
        if text.request == 0:
            return text.role == "background" or text.role in _ANEW
        return text.role == "background.failed" and text.request >= self._next

    def _notice(self, text: hocket.Text) -> None:
        before = "" if text.role in _ANEW else self._notices.get(text.request, "")
        words = f"{before} {text.value}".strip()
        if not text.final and len(self._notices) < _MOST_NOTICES:
            self._notices[text.request] = words
            return
        self._notices.pop(text.request, None)
        if words:
            self.count("notices")
            self._due.append(hocket.Text(words, "model"))

    def _result(self, text: hocket.Text) -> None:
        if self._is_notice(text):
            return self._notice(text)
        task = self._task
        if task is None or text.request != task.request or text.role == "background.left":
            return
        if text.role in _OVER:
            self._task = None
            return
        if text.role in _ANEW:
            task.words = ""
        task.words += (" " if task.words else "") + text.value
        task.done = text.final
        # A sentence is said while the next one is still made.
        if text.final or text.value.endswith((".", "!", "?")):
            if task.words.strip():
                self.count("sentences")
                self._say(task.words.strip())
            task.words = ""

    def _say(self, words: str, role: str = "model") -> None:
        self._unsaid.append(hocket.Text(words, role))

    def _speak(self) -> None:
        if self._hears or self._awaits is not None:
            return
        for text in [*self._due, *self._unsaid]:
            self.emit("say", text, self._ts())
        self._due.clear()
        self._unsaid.clear()

    def _ts(self) -> int:
        self._last = max(self._last, self.now)
        return self._last
