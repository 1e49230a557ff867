#!/usr/bin/env python3
"""replicas.py HOCKET CHOIR.so: two replicas of a shared actor as processes; one is killed and comes back.

Promised (graph/spec/README.md): each conversation is with one replica, chosen by consistent hashing;
the conversations of a replica that is gone wait for it, the others go on.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "watched_run"))
from watched_run import LIMIT_S, until  # noqa: E402: the path comes first

SESSIONS = 8
MASK = (1 << 64) - 1


def mix(x):  # splitmix64
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def replica_for(session, family, replicas):
    """Which replica takes a conversation, computed anew, not asked of Hocket."""
    base = 0xCBF29CE484222325
    for c in family.encode():
        base = ((base ^ c) * 0x100000001B3) & MASK
    at = mix(base ^ mix(session))
    ring = [((mix((base + (r << 32) + point) & MASK) - at) & MASK, r)
            for r in range(replicas) for point in range(128)]
    return min(ring)[1]


class Process:
    def __init__(self, hocket, plugin, work, host, life=1):
        self.out = os.path.join(work, host)
        self.text = os.path.join(work, "%s.%d.json" % (host, life))
        self.errors = os.path.join(work, "%s.%d.log" % (host, life))
        self.process = subprocess.Popen(
            [hocket, "run", os.path.join(HERE, "choir.yaml"), "--plugin", plugin, "--host", host,
             "--param", "dir=" + work, "--sessions", str(SESSIONS), "--json", "--out", self.out],
            stdout=open(self.text, "w"), stderr=open(self.errors, "w"))

    def summary(self):
        """The last line, when it has ended well."""
        assert self.process.wait(LIMIT_S) == 0, open(self.errors).read()
        return json.loads(open(self.text).read().strip().split("\n")[-1])


class Heard:
    """What the listener of one conversation wrote down so far."""

    def __init__(self, folder, session):
        self.session = session
        self.path = os.path.join(folder, "heard.%d.txt" % session)
        self.replica = "singer/%d" % (1 + replica_for(session, "singer", 2))

    def lines(self):
        try:
            text = open(self.path).read()
        except FileNotFoundError:
            return []
        return text[:text.rfind("\n") + 1].split("\n")[:-1]

    def told(self):
        """What it was told of its input; not that the song ended."""
        told = [line.split(" ")[1] for line in self.lines() if line.startswith("told ")]
        return [what for what in told if what != "end_of_stream"]

    def song(self):
        """(replica, how many it had heard, number) of each packet."""
        words = [line.split(" ") for line in self.lines() if not line.startswith("told ")]
        return [(w[0], int(w[1]), int(w[2])) for w in words]


def check_untouched(conversation):
    """No packet lost, none twice, all from one replica with one memory."""
    song = conversation.song()
    want = [(conversation.replica, n + 1, n) for n in range(len(song))]
    assert song == want, (conversation.session, [p for p in zip(song, want) if p[0] != p[1]][:3])


def check_interrupted(conversation):
    """It waited for its replica, and went on in order with a new memory."""
    song, told = conversation.song(), conversation.told()
    assert {who for who, _, _ in song} == {conversation.replica}, song[-3:]
    assert told[0] == "input_lost" and told[-1] == "input_recovered", told
    back = next(i for i in range(1, len(song)) if song[i][1] <= song[i - 1][1])
    before, after = song[:back], song[back:]
    assert [p[1:] for p in before] == [(n + 1, n) for n in range(back)], before[-3:]
    # The new process knows nothing of before, and takes up what the dead one had not consumed.
    assert [nth for _, nth, _ in after] == list(range(1, len(after) + 1)), after[:3]
    first = after[0][2]
    assert [n for _, _, n in after] == list(range(first, first + len(after))), after[:3]
    # Gone is what was inside the dead process; twice comes what it had not yet confirmed. Its queue
    # and the credit of its link bound both.
    missing = first - back
    print("session %d: %d packets lost with the process, %d twice" %
          (conversation.session, max(0, missing), max(0, -missing)))
    assert abs(missing) <= 64 + 128, (before[-1], after[0])


def play(hocket, plugin, work, processes):
    for host in ("front", "one", "two"):
        processes[host] = Process(hocket, plugin, work, host)
    front = processes["front"]
    all_of_them = [Heard(front.out, s) for s in range(1, SESSIONS + 1)]
    ours = [c for c in all_of_them if c.replica == "singer/1"]
    theirs = [c for c in all_of_them if c.replica == "singer/2"]
    assert len(ours) >= 2 and len(theirs) >= 2, "the ring gives one replica nearly everything"

    def grown(conversations, by, since=None):
        return all(len(c.song()) >= by + (since[c.session] if since else 0) for c in conversations)

    until(lambda: grown(all_of_them, 100), "all conversations", 200)
    processes["two"].process.kill()
    processes["two"].process.wait()
    until(lambda: all("input_lost" in c.told() for c in theirs), "input_lost")
    at = {c.session: len(c.song()) for c in all_of_them}
    # Three seconds of the others' song, while the dead one's conversations stand still.
    until(lambda: grown(ours, 300, at), "the other replica's conversations to go on")
    for c in theirs:
        assert len(c.song()) == at[c.session], (c.session, len(c.song()), at)
    processes["two"] = Process(hocket, plugin, work, "two", life=2)
    until(lambda: grown(theirs, 300, at), "the conversations of the replica that came back")

    front.process.send_signal(signal.SIGTERM)
    ends = {host: p.summary() for host, p in processes.items()}
    for host, end in ends.items():
        assert end["why"] == "stopped" and end["law_holds"], (host, end)
    for c in ours:
        check_untouched(c)
    for c in theirs:
        check_interrupted(c)
    one = next(p for p in ends["front"]["peers"] if p["name"] == "one")
    if one["connects"] > 1:
        print("this machine was too busy for heartbeats: the links to `one` broke and healed too")
        return
    # To the replica that lived nothing was dropped, sent again or announced as lost, and those who
    # hear it were told nothing.
    for wire in ends["front"]["wires"]:
        if wire["peer"] == "one":
            assert not wire["dropped"] and not wire["gaps"] and not wire["sent_again"], wire
    for c in ours:
        assert not c.told(), (c.session, c.told())


def main(hocket, plugin, work):
    processes = {}
    try:
        play(hocket, plugin, work, processes)
    except BaseException:
        for name in sorted(os.listdir(work)):
            if name.endswith(".log"):
                print(name, open(os.path.join(work, name)).read(), sep="\n", file=sys.stderr)
        raise
    finally:
        for p in processes.values():
            p.process.kill()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), folder)
