#!/usr/bin/env python3
"""gateway_remote: a graph whose model is another graph's: a person asks it something that its own background works out,
and its server is killed and comes back. remote.py HOCKET SOURCE FOLDER"""

import base64
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import wave

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from served import Served, WebSocket


def question(source):
    with wave.open(str(source / "configs/graphs/speech/question.wav")) as w:
        return w.readframes(w.getnframes())


def talk(client, sound, stop):
    """A second of silence, the question, silence for ever: 40 ms at a time, at the pace of the clock."""
    sound = bytes(32000) + sound
    begun, n = time.monotonic(), 0
    while not stop.is_set():
        piece, sound = sound[:1280], sound[1280:]
        try:
            client.send({"type": "sound", "audio": base64.b64encode(piece.ljust(1280, b"\0")).decode()})
        except OSError:
            return
        n += 1
        time.sleep(max(0, begun + n * 0.04 - time.monotonic()))


def ask(port, sound):
    """The words that are said in answer, what was delegated, and how many of its voice's packets were silent."""
    client = WebSocket(port)
    client.send({"type": "start", "sound": {"rate_hz": 16000}})
    assert client.until("hello", 120), "no hello"
    stop = threading.Event()
    mouth = threading.Thread(target=talk, args=(client, sound, stop))
    mouth.start()
    words, tasks, end = [], [], time.monotonic() + 60
    while time.monotonic() < end and "six" not in words:
        event = client.receive(1)
        if event and event["type"] == "said":
            words += event["text"].split()
        if event and event["type"] == "delegated":
            tasks.append(event["task"])
    stop.set()
    mouth.join()
    client.send({"type": "end"})
    client.close()
    return words, tasks


def answered(port, sound):
    """The same until it was understood: what a machine that stands still makes late is not heard."""
    for _ in range(3):
        words, tasks = ask(port, sound)
        print("said:", " ".join(words), "| delegated here:", tasks)
        if words[-2:] == ["fifty", "six"]:
            break
    return words, tasks


def main(hocket, source, folder):
    source, folder = pathlib.Path(source), pathlib.Path(folder)
    sound = question(source)
    with Served(hocket, source, folder / "model") as there:
        with Served(hocket, source, folder / "remote", "--param", f"url={there.url}/v1", "--param", "protocol=hocket",
                    graph="configs/graphs/remote.yaml") as here:
            words, tasks = answered(here.port, sound)
            assert words[-2:] == ["fifty", "six"], words
            assert tasks == ["seven times eight"], tasks
            # Its server dies and comes back at the same place: conversations that begin then have a model again.
            there.process.send_signal(signal.SIGKILL)
            there.process.wait()
            again = subprocess.Popen([hocket, "serve", "--listen", f"tcp://127.0.0.1:{there.port}", "--plain", "--out",
                                      str(folder / "again")], cwd=source, stdout=subprocess.DEVNULL,
                                     stdin=subprocess.DEVNULL)
            try:
                end = time.monotonic() + 180
                while not os.path.exists(folder / "again" / "gateway.url"):
                    assert again.poll() is None and time.monotonic() < end, "it does not serve again"
                    time.sleep(0.1)
                words, _ = answered(here.port, sound)
                assert words[-2:] == ["fifty", "six"], words
            finally:
                again.terminate()
                again.wait(120)
            assert here.stop() == 0


if __name__ == "__main__":
    main(*sys.argv[1:4])
