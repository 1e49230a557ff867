#!/usr/bin/env python3
"""Pipecat: a pipeline whose ends are ours talks with the gateway through one of its speech-to-speech services.
pipecat_session.py SERVICE URL QUESTION; SERVICE: pipecat_realtime, pipecat_gemini."""

import asyncio
import sys
import time

from loguru import logger
from person import Person, is_loud, spoken, until
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (InputAudioRawFrame, InterruptionFrame, LLMRunFrame,
                                   TTSAudioRawFrame)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.workers.runner import WorkerRunner

RATE = {"pipecat_realtime": 24000, "pipecat_gemini": 16000}


class Listener(FrameProcessor):
    """Behind the service: when there was sound, and when it was interrupted."""

    def __init__(self):
        super().__init__()
        self.loud, self.interrupted = [], []

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame) and is_loud(frame.audio):
            self.loud.append(time.monotonic())
        if isinstance(frame, InterruptionFrame):
            self.interrupted.append(time.monotonic())
        await self.push_frame(frame, direction)


def service_of(kind, url):
    if kind == "pipecat_gemini":
        from google.genai import types
        from pipecat.services.google.gemini_live.llm import GeminiLiveLLMService
        return GeminiLiveLLMService(api_key="none", http_options=types.HttpOptions(base_url=url),
                                    settings=GeminiLiveLLMService.Settings(model="hocket"))
    from pipecat.services.openai.realtime import events
    from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
    heard = events.AudioInput(transcription=events.InputAudioTranscription(), turn_detection=events.TurnDetection())
    return OpenAIRealtimeLLMService(
        api_key="none", base_url=url.replace("http", "ws", 1) + "/v1/realtime",
        settings=OpenAIRealtimeLLMService.Settings(
            model="hocket", session_properties=events.SessionProperties(audio=events.AudioConfiguration(input=heard))))


async def converse(kind, url, question):
    asked, errors, words = [], [], spoken(question, RATE[kind])
    service, listener = service_of(kind, url), Listener()

    async def clock(call):
        asked.append(call.arguments)
        await call.result_callback({"time": "3:15"})

    service.register_function("clock", clock)
    tool = FunctionSchema(name="clock", description="The time in a place.",
                          properties={"timezone": {"type": "string"}}, required=["timezone"])
    context = LLMContext(tools=ToolsSchema(standard_tools=[tool]))
    sides = LLMContextAggregatorPair(context)
    worker = PipelineWorker(Pipeline([sides.user(), service, listener, sides.assistant()]),
                            params=PipelineParams(audio_in_sample_rate=RATE[kind], audio_out_sample_rate=24000),
                            idle_timeout_secs=None)

    @worker.event_handler("on_pipeline_error")
    async def _(_, frame):
        errors.append(frame.error)

    def said(role):
        return " ".join(str(m.get("content")) for m in context.get_messages() if isinstance(m, dict) and m.get("role") == role)

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await worker.queue_frame(LLMRunFrame())
    person = Person(RATE[kind], lambda pcm: worker.queue_frame(
        InputAudioRawFrame(audio=pcm, sample_rate=RATE[kind], num_channels=1)))
    alive = asyncio.create_task(person.live())
    await asyncio.sleep(2)
    await person.say(words)
    await until(lambda: asked)
    await until(lambda: "fifteen" in said("assistant"))
    await until(lambda: said("user"))
    heard, before = len(listener.loud), len(listener.interrupted)
    await person.say(words)
    await until(lambda: len(listener.loud) > heard)
    await asyncio.sleep(0.3)
    await person.say(words)
    await until(lambda: len(listener.interrupted) > before)
    heard = len(listener.loud)
    await until(lambda: len(listener.loud) > heard)
    person.is_there = False
    await alive
    await worker.cancel()
    await asyncio.wait([running], timeout=5)
    assert not errors, errors


if __name__ == "__main__":
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    asyncio.run(asyncio.wait_for(converse(*sys.argv[1:4]), 120))
