#!/usr/bin/env python3
"""The graph changes while ten people talk: nobody is cut off.

    rewired.py HOCKET SOURCE FOLDER"""

import base64
import pathlib
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from page import becomes, check, failed
from served import Served, WebSocket

PEOPLE, PIECE_MS = 10, 100
NOISE = base64.b64encode(bytes(random.Random(1).randrange(256) & (0x1f if i % 2 else 0xff) for i in range(32 * PIECE_MS))).decode()

# No model: what a client says comes back. Each is the same graph but for one thing.
BEGIN = """hocket: 1
name: parrot
clock: {micro_turn_ms: 200}
actors:
  door: {component: gateway.door, inputs: {audio: {from: bird.audio, back_edge: true}}}
"""
BIRD = "  bird: {component: audio.delay, inputs: {audio: door.audio}}\n"
GRAPHS = {
    "an actor is added": BIRD + "  ears: {component: audio.dmel, inputs: {audio: door.audio}}\n",
    "what answers is replaced": "  bird: {component: audio.delay, delay_ms: 20, inputs: {audio: door.audio}}\n"
                                "  ears: {component: audio.dmel, inputs: {audio: door.audio}}\n",
    "one is put between": "  thru: {component: audio.delay, inputs: {audio: door.audio}}\n"
                          "  bird: {component: audio.delay, inputs: {audio: thru.audio}}\n",
    "and back": BIRD,
}


class Person:
    """Talks all the time, and counts what it hears of itself."""

    def __init__(self, port):
        self.socket = WebSocket(port)
        self.lock = threading.Lock()
        self.heard, self.told, self.model, self.is_over = 0, [], None, False
        self.socket.send({"type": "start"})
        self.threads = [threading.Thread(target=self.speak), threading.Thread(target=self.listen)]
        for t in self.threads:
            t.start()

    def speak(self):
        begun, n = time.monotonic(), 0
        while not self.is_over:
            try:
                with self.lock:
                    self.socket.send({"type": "sound", "audio": NOISE})
            except OSError:
                return
            n += 1
            time.sleep(max(0, begun + n * PIECE_MS / 1000 - time.monotonic()))

    def listen(self):
        while not self.is_over:
            event = self.socket.receive(1)
            if event is None and self.socket.code is not None:
                return
            if event and event["type"] == "voice" and event.get("audio"):
                self.heard += 1
            elif event and event["type"] == "model":
                self.model = event
            elif event and event["type"] in ("bye", "error", "ending"):
                self.told.append(event)

    def stop(self):
        self.is_over = True
        for t in self.threads:
            t.join()
        self.socket.close()


def all_hear(people, what):
    """Each hears more of itself than before; nobody's connection is gone, nobody was told an end."""
    before = [p.heard for p in people]
    check(becomes(lambda: all(p.heard > n + 10 for p, n in zip(people, before))), f"all hear on: {what}",
          str([p.heard - n for p, n in zip(people, before)]))
    check(all(p.socket.code is None and not p.told for p in people), f"nobody is cut off: {what}",
          str([(p.socket.code, p.told) for p in people]))


def main():
    hocket, source, folder = sys.argv[1:4]
    folder = pathlib.Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    graph = folder / "parrot.yaml"
    graph.write_text(BEGIN + BIRD)
    with Served(hocket, source, folder / "out", graph=str(graph)) as served:
        people = [Person(served.port) for _ in range(PEOPLE)]
        try:
            all_hear(people, "as it began")
            for what, rest in GRAPHS.items():
                graph.write_text(BEGIN + rest)
                done = subprocess.run([hocket, "apply", str(graph), "--out", str(served.out)], cwd=source,
                                      capture_output=True, text=True, timeout=300)
                check(done.returncode == 0, f"applied: {what}", done.stdout + done.stderr)
                all_hear(people, what)
            status = served.status()
            check(status["sessions"] >= PEOPLE, "each has the conversation that it began", str(status["sessions"]))
            check(status["law_holds"], "all packets are accounted for")
        finally:
            for p in people:
                p.stop()
        check(served.stop() == 0, "the server ends in order")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
