"""A person for clients in Python: speaks at the pace of the clock, and hears whether there is sound."""

import array
import asyncio
import time
import wave


def spoken(path, rate):
    """A recording as PCM16 at `rate`."""
    with wave.open(str(path)) as w:
        x, source = array.array("h", w.readframes(w.getnframes())), w.getframerate()
    out, last = array.array("h"), len(x) - 1
    for i in range(len(x) * rate // source):
        at, part = divmod(i * source, rate)
        out.append(x[at] + (x[min(at + 1, last)] - x[at]) * part // rate)
    return out.tobytes()


class Person:
    """Speaks in pieces of 40 ms at the pace of the clock, silence where there is nothing to say."""

    def __init__(self, rate, send):
        self.size, self.send, self.words, self.is_there = rate // 25 * 2, send, b"", True

    async def live(self):
        begun, n = time.monotonic(), 0
        while self.is_there:
            piece, self.words = self.words[:self.size], self.words[self.size:]
            await self.send(piece.ljust(self.size, b"\0"))
            n += 1
            await asyncio.sleep(max(0, begun + n * 0.04 - time.monotonic()))

    async def say(self, words):
        self.words = words
        while self.words:
            await asyncio.sleep(0.02)


async def until(condition, limit_s=60):
    end = time.monotonic() + limit_s
    while not (found := condition()) and time.monotonic() < end:
        await asyncio.sleep(0.02)
    assert found, f"this did not come true within {limit_s} s: line {condition.__code__.co_firstlineno}"
    return found


def is_loud(pcm):
    x = array.array("h", pcm[:len(pcm) // 2 * 2])
    return bool(x) and max(abs(v) for v in x) > 600
