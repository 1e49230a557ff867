#!/usr/bin/env python3
"""`openai-agents` in Python: a RealtimeSession with a function, an interruption, and a hand-over to another agent.
agents_session.py URL QUESTION"""

import asyncio
import sys
import time

from agents import function_tool, set_tracing_disabled
from agents.realtime import RealtimeAgent, RealtimeRunner
from person import Person, is_loud, spoken, until


async def converse(url, question):
    set_tracing_disabled(True)
    asked, events, loud, cut, words = [], [], [], [], spoken(question, 24000)

    @function_tool
    def clock(timezone: str) -> dict:
        """The time in a place."""
        asked.append(timezone)
        return {"time": "3:15"}

    agent = RealtimeAgent(name="first", instructions="Answer in English.", tools=[clock])
    second = RealtimeAgent(name="second", instructions="Be brief.", tools=[])
    session = await RealtimeRunner(agent).run(model_config={
        "url": url.replace("http", "ws", 1) + "/v1/realtime?model=hocket", "api_key": "none",
        "initial_model_settings": {"model_name": "hocket", "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
                                   "input_audio_transcription": {"model": "whisper-1"}}})
    async with session:
        async def listen():
            async for e in session:
                events.append(e)
                if e.type == "audio" and is_loud(e.audio.data):
                    loud.append(time.monotonic())
                if e.type == "audio_interrupted":
                    cut.append(time.monotonic())
        ears = asyncio.create_task(listen())

        def said(role):
            last = next((e.history for e in reversed(events) if e.type == "history_updated"), [])
            parts = [p for i in last if getattr(i, "role", "") == role for p in i.content]
            return " ".join(getattr(p, "transcript", None) or getattr(p, "text", None) or "" for p in parts)
        person = Person(24000, session.send_audio)
        alive = asyncio.create_task(person.live())
        await asyncio.sleep(0.5)
        await person.say(words)
        await until(lambda: asked)
        await until(lambda: "fifteen" in said("assistant"))
        await until(lambda: "seven" in said("user"))
        await session.update_agent(second)  # without the function: the conversation is the same
        await asyncio.sleep(1.5)
        heard, over = len(loud), len(cut)
        await person.say(words)
        await until(lambda: len(loud) > heard)
        await asyncio.sleep(0.3)
        await person.say(words)
        await until(lambda: len(cut) > over)
        heard = len(loud)
        await until(lambda: len(loud) > heard)
        await until(lambda: "fifty" in said("assistant"))
        person.is_there = False
        await alive
        ears.cancel()
        assert len(asked) == 1, asked
        errors = [e.error for e in events if e.type == "error"]
        assert not errors, errors


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(converse(*sys.argv[1:3]), 120))
