#!/usr/bin/env python3
"""A gateway at the edge, what answers behind it, on another host, which dies: people are told, and end with the reason.

    hosts.py HOCKET SOURCE FOLDER"""

import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from page import check, failed
from rewired import Person, becomes

# No model: what a client says comes back, over two links between hosts.
GRAPH = """hocket: 1
name: edge
clock: {{micro_turn_ms: 200}}
hosts:
  edge:  {{listen: "ipc://{folder}/edge.ipc"}}
  brain: {{listen: "ipc://{folder}/brain.ipc"}}
actors:
  door: {{component: gateway.door, on: edge, listen: "tcp://127.0.0.1:0", lost_s: 10,
         inputs: {{audio: {{from: bird.audio, back_edge: true}}}}}}
  bird: {{component: audio.delay, on: brain, inputs: {{audio: door.audio}}}}
"""


class Host:
    def __init__(self, hocket, graph, name, folder):
        self.out = folder / name
        self.log = open(folder / f"{name}.txt", "a")
        self.process = subprocess.Popen([hocket, "run", str(graph), "--host", name, "--plain", "--out", str(self.out)],
                                        stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(180)
        self.log.close()
        return code


def main():
    hocket, source, folder = sys.argv[1:4]
    folder = pathlib.Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    url = folder / "edge/gateway.url"
    url.unlink(missing_ok=True)
    graph = folder / "hosts.yaml"
    graph.write_text(GRAPH.format(folder=folder))
    edge, brain = Host(hocket, graph, "edge", folder), Host(hocket, graph, "brain", folder)
    people = []
    try:
        if not becomes(lambda: url.exists() and url.read_text().endswith("\n"), 180):
            print((folder / "edge.txt").read_text()[-2000:])
            check(False, "the gateway serves")
            return 1
        port = int(url.read_text().strip().rsplit(":", 1)[1])
        people = [Person(port) for _ in range(3)]
        check(becomes(lambda: all(p.heard > 10 for p in people)), "each is heard, and hears", str([p.heard for p in people]))
        brain.stop(signal.SIGKILL)
        check(becomes(lambda: all({"there": False}.items() <= (p.model or {}).items() for p in people)),
              "that what answers is gone is told", str([p.model for p in people]))
        check(becomes(lambda: all(p.socket.code == 1011 for p in people)), "gone for good: each ends, with 1011",
              str([p.socket.code for p in people]))
        check(all(any(e.get("reason") == "what answers is gone" for e in p.told) for p in people), "and is told why",
              str([p.told for p in people]))
    finally:
        for p in people:
            p.stop()
        if brain.process.poll() is None:
            brain.stop()
        edge.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
