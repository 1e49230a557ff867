#!/usr/bin/env python3
"""guarded.py HOCKET REPOSITORY WORK: conversations of guarded.yaml in virtual time."""
import array
import json
import os
import shutil
import subprocess
import sys
import wave

hocket, tree, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
graph = os.path.join(tree, "configs/graphs/guarded.yaml")
sys.path.insert(0, os.path.join(tree, "configs/graphs/reason"))
import talk  # noqa: E402

POLICY = """policy: test
refusal: ["en: sorry i can't help with that"]
topics:
  weather: {phrases: [weather], said: pass, evidence: pass, incident: true}
  answers: {phrases: [sixty], heard: pass, requests: pass, results: pass, evidence: pass, said: stop}
"""


class Talk:
    """One conversation: what was said and decided, and how it sounded."""

    def __init__(self, name, said, end_s, policy=None, graph=graph):
        os.makedirs(work, exist_ok=True)
        talk.SAID, talk.END_S = said, end_s
        speech, out = os.path.join(work, name + ".wav"), os.path.join(work, name)
        talk.speak(speech)
        more = []
        if policy:
            path = os.path.join(work, name + ".yaml")
            with open(path, "w", encoding="utf-8") as f:
                f.write(policy)
            more = ["--param", f"rules={path}"]
        done = subprocess.run([hocket, "run", graph, "--virtual", "--out", out, "--param", f"speech={speech}", *more],
                              cwd=tree, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, (name, done.returncode, (done.stdout + done.stderr)[-3000:])
        self.lines = self.read(os.path.join(out, "record.jsonl"))
        self.events = self.read(os.path.join(out, "events.jsonl"))
        with wave.open(os.path.join(out, "model.wav")) as f:
            self.voice = array.array("h", f.readframes(f.getnframes()))
            self.rate = f.getframerate()

    @staticmethod
    def read(path):
        with open(path, encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def words(self, kind, after_s=0.0, before_s=1e9):
        return " ".join(line["text"] for line in self.lines
                        if line.get("kind") == kind and after_s <= line["t_ms"] / 1000 < before_s)

    def decisions(self):
        return [json.loads(line["text"]) for line in self.lines if line.get("role") == "policy"]

    def tools(self):
        return [line["tool"] for line in self.lines if line.get("kind") == "tool_calls"]

    def level(self, from_s, to_s):
        """The loudest sample between two times, of 32767."""
        part = self.voice[int(from_s * self.rate):int(to_s * self.rate)]
        return max((abs(v) for v in part), default=0)


def refused():
    """Of two requests one is forbidden: it is refused aloud, and its tool is never asked."""
    t = Talk("refused", [(1.0, "what is the weather in paris"), (8.0, "what is seven times eight")], 15.0, POLICY)
    assert t.tools() == ["calculator"], t.tools()
    said = t.words("words")
    assert "sorry" in said and "help" in said, said
    for city in ("sunny", "rainy", "cloudy", "windy", "snowy", "foggy"):
        assert city not in said, said
    assert "fifty six" in t.words("words", 8.0), said
    decisions = t.decisions()
    assert decisions and all(d["topic"] == "weather" for d in decisions), decisions
    assert all(set(d) == {"policy", "topic", "rule", "where", "did", "times"} for d in decisions), decisions
    told = [e["text"] for e in t.events if e.get("actor") == "guard" and e.get("role") == "log"]
    assert told and all(line.startswith("weather (phrase 1) in ") for line in told), told


def near():
    """What stands beside a forbidden request in the house policy is answered."""
    t = Talk("near", [(1.0, "what is seven times nine"), (7.0, "what is the weather in rome")], 14.0)
    assert t.decisions() == [], t.decisions()
    assert "sixty three" in t.words("words"), t.words("words")
    assert len(t.tools()) == 2, t.tools()


def stopped():
    """A word that the voice may not say: silence within 0.4 s after it began, and the next sentence is heard."""
    t = Talk("stopped", [(1.0, "what is seven times nine"), (9.0, "what is seven times eight")], 16.0, POLICY)
    stops = [line["t_ms"] / 1000 for line in t.lines if line.get("role") == "policy"]
    assert stops and all(d["did"] == "stop" for d in t.decisions()), t.decisions()
    word = next(line["t_ms"] / 1000 for line in t.lines if line.get("kind") == "words" and line["text"] == "sixty")
    assert t.level(word + 0.4, word + 1.0) < 100, (word, t.level(word + 0.4, word + 1.0))
    assert t.level(9.0, 16.0) > 1000, "nothing of the next answer was heard"
    assert "fifty six" in t.words("words", 9.0), t.words("words")


def judged():
    """Another agent judges each request; what it has no answer for in time is not done, where the guard fails closed."""
    with open(graph, encoding="utf-8") as f:
        text = f.read()
    folder = os.path.dirname(graph)
    text = text.replace("default: ../", f"default: {os.path.dirname(folder)}/")
    text = text.replace("default: speech/", f"default: {folder}/speech/")
    begin, end = text.index("  judge:  "), text.index("  # In the ledger")
    text = text[:begin] + """  judge:   {component: background.agent, tools: [calculator], failure_words: nobody knows,
            inputs: {requests: {from: guard.questions, back_edge: true}}}
""" + text[end:]
    text = text.replace("judge_ms: 600", "judge_ms: 3000, approval: sixty").replace("judge.verdicts", "judge.results")
    assert "verdicts: judge.results" in text and "judge_ms: 3000" in text
    os.makedirs(work, exist_ok=True)
    path = os.path.join(work, "judged_graph.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    t = Talk("judged", [(1.0, "what is seven times nine"), (8.0, "what is the weather in rome")], 15.0, graph=path)
    assert t.tools() == ["calculator"], t.tools()
    said = t.words("words")
    assert "sixty three" in said and "sorry" in t.words("words", 8.0), said


shutil.rmtree(work, ignore_errors=True)
for case in (refused, near, stopped, judged):
    case()
    print(case.__name__, "as promised")
