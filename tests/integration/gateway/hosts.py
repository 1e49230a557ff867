#!/usr/bin/env python3
"""A gateway at the edge, what answers behind it, on another host, which dies: people are told, who comes is refused; it comes back, and they go
on; it does not, and they end with the reason.

    hosts.py HOCKET SOURCE FOLDER"""

import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from page import check, failed
from rewired import Person, becomes

# No model: what a client says comes back, over two links between hosts. The queue is full long before the loss is seen.
GRAPH = """hocket: 1
name: edge
clock: {{micro_turn_ms: 200}}
hosts:
  edge:  {{listen: "ipc://{folder}/edge.ipc"}}
  brain: {{listen: "ipc://{folder}/brain.ipc"}}
actors:
  door: {{component: gateway.door, on: edge, listen: "tcp://127.0.0.1:0", lost_s: {lost_s},
         inputs: {{audio: {{from: bird.audio, back_edge: true}}}}}}
  bird: {{component: audio.delay, on: brain,
         inputs: {{audio: {{from: door.audio, queue: {{size: 2, full: block}}}}}}}}
"""
PEOPLE = 8


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


class Stage:
    """Two hosts and the people who talk; all gone at the end."""

    def __init__(self, hocket, folder, lost_s):
        self.hocket, self.folder, self.people = hocket, folder, []
        folder.mkdir(parents=True, exist_ok=True)
        url = folder / "edge/gateway.url"
        url.unlink(missing_ok=True)
        self.graph = folder / "hosts.yaml"
        self.graph.write_text(GRAPH.format(folder=folder, lost_s=lost_s))
        self.edge, self.brain = self.host("edge"), self.host("brain")
        if not becomes(lambda: url.exists() and url.read_text().endswith("\n"), 180):
            self.end()
            raise RuntimeError("the gateway does not serve: " + (folder / "edge.txt").read_text()[-2000:])
        self.port = int(url.read_text().strip().rsplit(":", 1)[1])

    def host(self, name):
        return Host(self.hocket, self.graph, name, self.folder)

    def join(self, n=1):
        self.people += [Person(self.port) for _ in range(n)]
        return self.people[-1]

    def all_hear(self, what):
        before = {p: p.heard for p in self.people}
        check(becomes(lambda: all(p.heard > before[p] + 10 for p in self.people)), what,
              str([p.heard - before[p] for p in self.people]))

    def all_told(self, there, what):
        check(becomes(lambda: all(p.model and p.model["there"] is there for p in self.people)), what,
              str([p.model for p in self.people]))

    def end(self):
        for p in self.people:
            p.stop()
        if self.brain.process.poll() is None:
            self.brain.stop()
        return self.edge.stop()


def comes_back(stage):
    stage.join(PEOPLE)
    stage.all_hear("each is heard, and hears")
    stage.brain.stop(signal.SIGKILL)
    stage.all_told(False, "that what answers is gone is told")
    late = Person(stage.port)
    check(becomes(lambda: late.socket.code == 1013), "who comes meanwhile is refused at once, to come again",
          str(late.socket.code))
    check(any(e.get("code") == "model_unavailable" for e in late.told), "and is told why", str(late.told))
    late.stop()
    stage.brain = stage.host("brain")
    stage.all_told(True, "that it is back, too")
    stage.all_hear("and all go on, each heard again")
    check(not any(p.told or p.socket.code for p in stage.people), "nobody was cut off",
          str([(p.socket.code, p.told) for p in stage.people]))


def stays_away(stage):
    stage.join(PEOPLE)
    stage.all_hear("each is heard, and hears")
    stage.brain.stop(signal.SIGKILL)
    people = stage.people
    check(becomes(lambda: all(p.socket.code == 1011 for p in people)), "gone for good: each ends, with 1011",
          str([p.socket.code for p in people]))
    check(all(any(e.get("reason") == "what answers is gone" for e in p.told) for p in people), "and is told why",
          str([p.told for p in people]))


def main():
    hocket, folder = sys.argv[1], pathlib.Path(sys.argv[3]).resolve()
    for play, lost_s in ((comes_back, 600), (stays_away, 10)):
        stage = Stage(hocket, folder / play.__name__, lost_s)
        try:
            play(stage)
        finally:
            code = stage.end()
        check(code == 0, "the gateway ends in order", str(code))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
