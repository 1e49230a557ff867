#!/usr/bin/env python3
"""gateway_clients: official clients, unmodified but for the base URL, hold a conversation with a tool call and an
interruption. clients.py HOCKET SOURCE FOLDER; skipped (77) where PyPI is not there. Prints
`gateway.client.NAME.passed` for each."""

import asyncio
import base64
import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "official"))
from person import Person, is_loud, spoken, until

PACKAGES = ["openai[realtime]==3.57.0", "google-genai==3.6.1"]
CLOCK = {"type": "object", "properties": {"timezone": {"type": "string"}}, "required": ["timezone"]}


async def openai_realtime(url, question):
    from openai import AsyncOpenAI
    events, loud, called = [], [], []
    words = spoken(question, 24000)
    async with AsyncOpenAI(base_url=url + "/v1", api_key="none").realtime.connect(model="hocket") as c:
        async def listen():
            async for e in c:
                events.append(e)
                if e.type == "response.output_audio.delta" and is_loud(base64.b64decode(e.delta)):
                    loud.append(time.monotonic())
                if e.type == "response.function_call_arguments.done":
                    called.append(json.loads(e.arguments))
                    await c.conversation.item.create(item={"type": "function_call_output", "call_id": e.call_id,
                                                           "output": json.dumps({"time": "3:15"})})
                    await c.response.create()
        ears = asyncio.create_task(listen())

        def got(kind, since=0, **fields):
            return next((e for e in events[since:] if e.type == kind and
                         all(getattr(e, k, None) == v for k, v in fields.items())), None)
        await until(lambda: got("session.created"))
        tool = {"type": "function", "name": "clock", "description": "The time in a place.", "parameters": CLOCK}
        await c.session.update(session={"type": "realtime", "instructions": "Answer in English.", "tools": [tool]})
        await until(lambda: got("session.updated"))
        person = Person(24000, lambda b: c.input_audio_buffer.append(audio=base64.b64encode(b).decode()))
        mouth = asyncio.create_task(person.live())
        await person.say(words)
        await until(lambda: called)
        assert "timezone" in called[0]
        await until(lambda: got("response.output_audio_transcript.done") and
                    "fifteen" in " ".join(e.transcript for e in events
                                          if e.type == "response.output_audio_transcript.done"))
        await until(lambda: not any(e.type == "error" for e in events))
        # Without functions: an answer that is spoken over.
        await c.session.update(session={"type": "realtime", "tools": []})
        begun = len(events)
        await person.say(words)
        response = (await until(lambda: got("response.created", begun))).response.id
        await until(lambda: got("response.output_audio.delta", begun))
        await asyncio.sleep(0.5)
        await person.say(words)
        done = (await until(lambda: next((e for e in events if e.type == "response.done" and
                                          e.response.id == response), None))).response
        assert done.status == "cancelled" and done.status_details.reason == "turn_detected", done
        item = done.output[0].id
        await c.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=300)
        await until(lambda: got("conversation.item.truncated", item_id=item))
        person.is_there = False
        await mouth
        ears.cancel()


class Way:
    """To the gateway, through a port that breaks all that goes through when it is told to."""

    def __init__(self, port):
        self.to, self.ends = port, []

    async def open(self):
        self.server = await asyncio.start_server(self.pass_on, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def pass_on(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
        self.ends += [writer, far_writer]
        await asyncio.gather(self.copy(reader, far_writer), self.copy(far_reader, writer))

    async def copy(self, reader, writer):
        try:
            while piece := await reader.read(1 << 16):
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    def breaks(self):
        for end in self.ends:
            end.transport.abort()
        self.ends = []


async def openai_goes_on(url, question):
    """Its connection breaks: it is made again by the package itself, and goes on with the same conversation."""
    from openai import AsyncOpenAI
    way, events = Way(int(url.rsplit(":", 1)[1])), []
    base = f"http://127.0.0.1:{await way.open()}/v1"
    created = []

    def again(_):
        return {"extra_query": {"resume": created[0].session.id}}
    async with AsyncOpenAI(base_url=base, api_key="none").realtime.connect(
            model="hocket", extra_query={"resume": ""}, on_reconnecting=again) as c:
        async def listen():
            async for e in c:
                events.append(e)
                if e.type == "session.created":
                    created.append(e)
        ears = asyncio.create_task(listen())
        await until(lambda: created)
        await c.conversation.item.create(item={"id": "mine", "type": "message", "role": "user",
                                               "content": [{"type": "input_text", "text": "hello"}]})
        await until(lambda: any(e.type == "conversation.item.done" for e in events))
        begun = len(events)
        way.breaks()
        await until(lambda: len(created) == 2)
        assert created[1].session.id == created[0].session.id, created
        await until(lambda: any(e.type == "conversation.item.done" and e.item.id == "mine" for e in events[begun:]))
        person = Person(24000, lambda b: c.input_audio_buffer.append(audio=base64.b64encode(b).decode()))
        mouth = asyncio.create_task(person.live())
        await person.say(spoken(question, 24000))
        await until(lambda: any(e.type == "response.output_audio.delta" for e in events[begun:]))
        assert not any(e.type == "error" for e in events), events
        person.is_there = False
        await mouth
        ears.cancel()


async def gemini_live(url, question):
    from google import genai
    from google.genai import types
    messages, loud, called = [], [], []
    words = spoken(question, 16000)
    declared = [{"name": "clock", "description": "The time in a place.",
                 "parameters": {"type": "OBJECT", "properties": {"timezone": {"type": "STRING"}}}}]
    client = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=url))
    config = {"response_modalities": ["AUDIO"], "output_audio_transcription": {},
              "tools": [{"function_declarations": declared}]}
    async with client.aio.live.connect(model="hocket", config=config) as s:
        async def listen():
            while True:
                async for m in s.receive():
                    messages.append(m)
                    if m.data and is_loud(m.data):
                        loud.append(time.monotonic())
                    for f in m.tool_call.function_calls if m.tool_call else ():
                        called.append(f)
                        await s.send_tool_response(function_responses=[
                            types.FunctionResponse(id=f.id, name=f.name, response={"time": "3:15"})])
        ears = asyncio.create_task(listen())

        def content(what, since=0):
            return [m for m in messages[since:] if m.server_content and getattr(m.server_content, what)]
        person = Person(16000, lambda b: s.send_realtime_input(
            audio=types.Blob(data=b, mime_type="audio/pcm;rate=16000")))
        mouth = asyncio.create_task(person.live())
        await person.say(words)
        await until(lambda: called)
        await until(lambda: "fifteen" in " ".join(m.server_content.output_transcription.text or ""
                                                  for m in content("output_transcription")))
        await until(lambda: content("turn_complete"))
        begun = len(messages)
        heard = len(loud)
        await person.say(words)
        await until(lambda: len(loud) > heard)
        await asyncio.sleep(0.5)
        await person.say(words)
        await until(lambda: content("interrupted", begun) and content("turn_complete", begun))
        person.is_there = False
        await mouth
        ears.cancel()


CLIENTS = {"openai_realtime": openai_realtime, "openai_goes_on": openai_goes_on, "gemini_live": gemini_live}


def inside(name, url, question):
    asyncio.run(asyncio.wait_for(CLIENTS[name](url, question), 240))


def main(hocket, source, folder):
    source, folder = pathlib.Path(source), pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "clients" / "bin" / "python"
    if subprocess.run([python, "-c", "import openai, google.genai"], capture_output=True).returncode \
            if python.exists() else True:
        try:
            for command in ([sys.executable, "-m", "venv", folder / "clients"], [python, "-m", "pip", "install", "-q", *PACKAGES]):
                subprocess.run(command, check=True, capture_output=True, timeout=240)
        except (OSError, subprocess.SubprocessError):
            print("skipped: PyPI's packages are not there")
            return 77
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    import os

    from served import Served
    failed = 0
    with Served(hocket, source, folder / "out") as server:
        tls = f"https://localhost:{server.port}"
        for name in CLIENTS:
            # A conversation in real time: what a machine that stands still makes late is not understood.
            for _ in range(3):
                run = subprocess.run([python, __file__, "--inside", name, tls if name == "gemini_live" else server.url,
                                      source / "configs/graphs/speech/question.wav"], capture_output=True, text=True,
                                     env={**os.environ, "SSL_CERT_FILE": str(folder / "out" / "gateway.pem")}, timeout=300)
                if run.returncode == 0:
                    break
                print(run.stderr[-1500:])
            print(f"gateway.client.{name}.passed {int(run.returncode == 0)}", flush=True)
            failed += run.returncode != 0
        assert server.stop() == 0
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(inside(*sys.argv[2:]) if sys.argv[1] == "--inside" else main(*sys.argv[1:4]))
