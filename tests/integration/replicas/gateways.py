#!/usr/bin/env python3
"""gateways.py HOCKET CHOIR.so: two gateways and two of what answers, as processes; one of either is killed.

Promised: a conversation is with the gateway that its client came to, and with what answers and is there; those whose
answers are gone are told, wait and go on; those of a dead gateway end, and the others notice nothing. Where nothing that
answers is left, each is told in his protocol, who comes is refused at once, and `/readyz` says so; one that comes back
is enough for new conversations.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "gateway"))
from page import becomes, check, failed  # noqa: E402: the path comes first
from rewired import Person  # noqa: E402
from served import WebSocket  # noqa: E402

EACH = 4  # people at a gateway
GEMINI = "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"


class Host:
    def __init__(self, hocket, plugin, work, name):
        self.out = work / name
        self.url = self.out / "gateway.url"
        self.url.unlink(missing_ok=True)
        self.log = open(work / f"{name}.log", "a")
        self.process = subprocess.Popen(
            [hocket, "run", str(HERE / "gateways.yaml"), "--plugin", plugin, "--host", name, "--param", f"dir={work}",
             "--plain", "--out", str(self.out)],
            stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def port(self):
        serves = lambda: self.url.exists() and self.url.read_text().endswith("\n")
        if not becomes(lambda: serves() or self.process.poll() is not None, 180) or not serves():
            raise RuntimeError(f"{self.out.name} does not serve")
        return int(self.url.read_text().strip().rsplit(":", 1)[1])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.log.close()


def all_hear(people, what):
    before = {p: p.heard for p in people}
    check(becomes(lambda: all(p.heard > before[p] + 5 for p in people)), what,
          str([(p.heard - before[p], p.socket.code, p.model, p.told) for p in people]))


def are_gone(people):
    """Those who were told that what answers them is gone."""
    return [p for p in people if p.model and not p.model["there"]]


def readiness(port):
    """(status, seconds after which one may come again) of `/readyz`."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=20) as answer:
            return answer.status, None
    except urllib.error.HTTPError as e:
        return e.code, e.headers["Retry-After"]


class Apps:
    """One app of each other protocol."""

    def __init__(self, port):
        self.realtime, self.live, self.gemini = (WebSocket(port, p) for p in ("/v1/realtime", "/v1/live/sessions", GEMINI))
        self.live.send({"type": "session.start", "session": {"model": "m"}})
        self.gemini.send({"setup": {"model": "models/m"}})
        check(self.realtime.until("session.created", 60) and self.live.until("session.started", 60)
              and self.gemini.until(lambda e: "setupComplete" in e, 60), "apps of the other protocols are there")

    def are_told(self):
        done = self.realtime.until("response.done", 60)
        check(done and done["response"]["status"] == "failed", "Realtime is told: a response fails", str(done))
        error = self.live.until("error", 60)
        check(error and error["error"]["code"] == "model_unavailable", "Live is told: an error", str(error))
        goes = self.gemini.until(lambda e: "goAway" in e, 60)
        check(goes and goes["goAway"]["timeLeft"] == "600s", "Gemini is told: goAway", str(goes))

    def close(self):
        for s in (self.realtime, self.live, self.gemini):
            s.close()


def refuses(port, what):
    """Who comes is told at once to come again, in each protocol."""
    check(readiness(port) == (503, "5"), f"{what}: /readyz says so", str(readiness(port)))
    statuses = [WebSocket(port, p).status for p in ("/v1/realtime", "/v1/live/sessions")]
    check(statuses == [503, 503], f"{what}: Realtime and Live are refused", str(statuses))
    own, gemini = WebSocket(port), WebSocket(port, GEMINI)
    own.send({"type": "start"})
    gemini.send({"setup": {"model": "models/m"}})
    error = own.receive(20)
    check(error and error["type"] == "error" and error["code"] == "model_unavailable", f"{what}: the page is told", str(error))
    for s in (own, gemini):
        while s.receive(20) is not None:
            pass
    check((own.code, gemini.code) == (1013, 1013), f"{what}: and closed with 1013", str((own.code, gemini.code)))


def play_without(hosts, start, join, people):
    """Nothing that answers is left; then one is there again. `people`: at edge1."""
    port = hosts["edge1"].port()
    apps = Apps(port)
    time.sleep(2)  # they are told that they are there before their conversations are open, and by nothing that those are
    hosts["one"].kill()
    hosts["two"].kill()
    check(becomes(lambda: len(are_gone(people)) == len(people)), "none is left: all are told", str([p.model for p in people]))
    apps.are_told()
    check(becomes(lambda: readiness(port)[0] == 503), "the gateway says so")
    refuses(port, "none is left")
    hosts["edge2"].kill()
    start("edge2")
    second = hosts["edge2"].port()
    check(becomes(lambda: readiness(second)[0] == 503), "a gateway that comes back to none says so, too")
    refuses(second, "there was none")
    start("one")
    check(becomes(lambda: readiness(port)[0] == readiness(second)[0] == 200), "one is back: both gateways say so")
    new = join("edge1") + join("edge2")
    all_hear(new, "who comes is heard")
    check(not are_gone(new), "and is told of no loss", str([p.model for p in new]))
    start("two")
    all_hear(people + new, "the other one, too: all go on")
    check(all(p.socket.code is None and not p.told for p in people + new), "nobody of them was cut off",
          str([(p.socket.code, p.told) for p in people + new]))
    apps.close()


def play(hosts, start, everybody):
    def join(host):
        """One after the other: their numbers, and so where they are, are the same each time."""
        port = hosts[host].port()
        people = []
        for _ in range(EACH):
            people.append(Person(port))
            everybody.append(people[-1])
            check(becomes(lambda: people[-1].heard > 0), f"somebody at {host} is heard", str(people[-1].told))
        return people

    for name in ("edge1", "edge2", "one", "two"):
        start(name)
    first, second = join("edge1"), join("edge2")
    people = first + second
    all_hear(people, "at both gateways each is heard, and hears")
    hosts["two"].kill()
    check(becomes(lambda: are_gone(people)), "the loss is told")
    at = {p: p.heard for p in people}
    check(becomes(lambda: all(p in are_gone(people) or p.heard > at[p] + 20 for p in people)),
          "each is with the other one and goes on, or is told", str([(p.heard - at[p], p.model) for p in people]))
    lost = are_gone(people)
    check(0 < len(lost) < len(people), "and there are some of both", f"{len(lost)} of {len(people)}")
    new = join("edge1") + join("edge2")
    all_hear(new, "who comes meanwhile is with one that is there")
    check(not are_gone(new), "and is told of no loss", str([p.model for p in new]))
    start("two")
    all_hear(people + new, "it is back: all go on")
    check(all(p.socket.code is None and not p.told for p in people + new), "nobody was cut off",
          str([(p.socket.code, p.told) for p in people + new]))

    at_second = second + new[EACH:]
    at_first = first + new[:EACH]
    hosts["edge2"].kill()
    check(becomes(lambda: all(p.socket.code == 1006 for p in at_second)), "a gateway dies: its people are cut off",
          str([p.socket.code for p in at_second]))
    all_hear(at_first, "those of the other one go on")
    start("edge2")
    again = join("edge2")
    all_hear(again + at_first, "it is back, and who comes is heard")
    check(all(p.socket.code is None and not p.told for p in at_first), "those of the other one noticed nothing",
          str([(p.socket.code, p.told) for p in at_first]))
    for p in again:  # they would see their gateway go once more
        p.stop()
    play_without(hosts, start, join, at_first)
    for p in everybody:
        p.stop()
    hosts["edge1"].process.terminate()
    check(becomes(lambda: all(h.process.poll() is not None for h in hosts.values())), "all end",
          str({n: h.process.poll() for n, h in hosts.items()}))
    check(all(h.process.poll() == 0 for h in hosts.values()), "in order", str({n: h.process.poll() for n, h in hosts.items()}))


def main(hocket, plugin, work):
    hosts, everybody = {}, []

    def start(name):
        if name in hosts:
            hosts[name].close()
        hosts[name] = Host(hocket, plugin, work, name)

    try:
        play(hosts, start, everybody)
    finally:
        for p in everybody:
            p.stop()
        for h in hosts.values():
            h.close()
        if failed:
            for log in sorted(work.glob("*.log")):
                print(log.name, log.read_text()[-3000:], sep="\n", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), pathlib.Path(folder)))
