#!/usr/bin/env python3
"""LiveKit Agents: an AgentSession whose ears and mouth are ours talks with the gateway through one of the plugins.
livekit_session.py MODEL URL QUESTION; MODEL: livekit_realtime, livekit_live, livekit_gemini."""

import asyncio
import sys
import time

from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool, io, utils
from person import Person, is_loud, spoken, until

RATE = 24000


class Ear(io.AudioInput):
    """What the person says."""

    def __init__(self):
        super().__init__(label="person")
        self.frames = asyncio.Queue()

    async def __anext__(self):
        return await self.frames.get()

    async def put(self, pcm):
        self.frames.put_nowait(rtc.AudioFrame(data=pcm, sample_rate=RATE, num_channels=1, samples_per_channel=len(pcm) // 2))


class Mouth(io.AudioOutput):
    """A loudspeaker at the pace of the clock, which says how much of each answer was heard."""

    def __init__(self):
        super().__init__(label="person", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=RATE)
        self.loud, self.cut, self.begun, self.size, self.waits = [], [], None, 0.0, None

    async def capture_frame(self, frame):
        await super().capture_frame(frame)
        now = time.monotonic()
        if self.begun is None:
            self.begun, self.size = now, 0.0
            self.on_playback_started(created_at=time.time())
        self.size += frame.duration
        if is_loud(bytes(frame.data)):
            self.loud.append(now)

    def flush(self):
        super().flush()
        if self.begun is not None and self.waits is None:
            self.waits = asyncio.create_task(self.play())

    async def play(self):
        await asyncio.sleep(max(0, self.begun + self.size - time.monotonic()))
        self.ends(False)

    def clear_buffer(self):
        if self.begun is None:
            return
        if self.waits is not None:
            self.waits.cancel()
        self.cut.append(time.monotonic())
        self.ends(True)

    def ends(self, interrupted):
        heard, self.begun, self.waits = min(self.size, time.monotonic() - self.begun), None, None
        self.on_playback_finished(playback_position=heard, interrupted=interrupted)


def model_of(kind, url):
    if kind == "livekit_gemini":
        from google.genai import types
        from livekit.plugins import google
        return google.realtime.RealtimeModel(model="hocket", api_key="none", instructions="Answer in English.",
                                             http_options=types.HttpOptions(base_url=url))
    from livekit.plugins import openai
    if kind == "livekit_live":
        return openai.realtime.GPTLiveModel(model="hocket", api_key="none", base_url=url + "/v1")
    return openai.realtime.RealtimeModel(model="hocket", api_key="none", base_url=url + "/v1")


async def converse(kind, url, question):
    asked, errors, said, words = [], [], [], spoken(question, RATE)

    @function_tool
    async def clock(timezone: str) -> dict:
        """The time in a place."""
        asked.append(timezone)
        return {"time": "3:15"}

    session = AgentSession(llm=model_of(kind, url))
    session.on("error", lambda e: errors.append(e.error))
    session.on("conversation_item_added",
               lambda e: e.item.type == "message" and said.append((e.item.role, e.item.text_content or "")))
    ear, mouth = Ear(), Mouth()
    session.input.audio, session.output.audio = ear, mouth
    async with utils.http_context.open():
        await session.start(Agent(instructions="Answer in English.", tools=[clock]), record=False)
        person = Person(RATE, ear.put)
        alive = asyncio.create_task(person.live())
        await person.say(words)
        await until(lambda: asked)
        await until(lambda: any(role == "assistant" and "fifteen" in text for role, text in said))
        assert any(role == "user" for role, _ in said), said
        # Spoken over: the session cuts its loudspeaker, and what was heard is what it keeps.
        heard, spoken_over = len(mouth.loud), len(mouth.cut)
        await person.say(words)
        await until(lambda: len(mouth.loud) > heard)
        await asyncio.sleep(0.3)
        await person.say(words)
        if kind != "livekit_live":
            await until(lambda: len(mouth.cut) > spoken_over)
        heard = len(mouth.loud)
        await until(lambda: len(mouth.loud) > heard)
        person.is_there = False
        await alive
        await session.aclose()
    assert not errors, errors


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(converse(*sys.argv[1:4]), 120))
