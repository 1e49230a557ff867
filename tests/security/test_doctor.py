#!/usr/bin/env python3
"""`hocket doctor --security` names what is weak in a graph, grades it honestly and says what to do."""

import json

from support import case, graph, main, MIC

RULES = "{component: dialogue.rules, replies: replies.txt, inputs: {text: keys.text}}"
KEYS = "{component: text.console, script: ['0.1 x']}"


def served(more):
    return graph({"keys": KEYS, "rules": RULES, "mind": "{component: background.agent, tool_sources: {s: {use: mcp, command: [/usr/bin/true]%s}}, tools: ['s.*'], inputs: {requests: rules.delegations}}" % more})


# graph, what a finding is about, its grade, words of it
ROWS = {
    "an unconfined tool server": (served(", confine: false"), "mind: s", "BAD", "may all that you may"),
    "a tool server with the whole network": (served(", network: ['*']"), "mind: s", "note", "whole network"),
    "a tool server that reads everything": (served(", reads: [/]"), "mind: s", "note", "much more than"),
    "a tool server that writes everything": (served(", writes: [/home]"), "mind: s", "BAD", "much more than"),
    "a pipeline that writes a file": (graph({"mic": '{component: capture.gst, pipeline: "audiotestsrc ! filesink location=x"}'}),
                                      "mic", "note", "filesink"),
    "words in a log": (graph({"keys": KEYS, "log": "{component: record.events, pii.text: true, inputs: {console: keys.text}}"}),
                       "log", "note", "what was said"),
    "plaintext between machines": (graph({"mic": MIC.replace("gst,", "gst, on: a,")},
                                         "hosts: {a: {listen: tcp://10.0.0.5:7400, insecure: true}}\n"), "host a", "BAD", "plaintext"),
    "a door without keys": (graph({"mic": MIC, "door": "{component: gateway.door, inputs: {audio: mic.audio}}"}), "door", "note", "asks for no key"),
    "every host may rewire": (graph({"mic": MIC.replace("gst,", "gst, on: a,")}, "hosts: {a: {listen: tcp://127.0.0.1:7400}}\n"),
                              "rewires", "note", "each host"),
}


class doctor(case):
    def findings(self, text):
        self.write("replies.txt", "")
        self.write("g.yaml", text)
        said = self.hocket("doctor", "--security", "g.yaml", "--json").stdout
        out = []

        def walk(node):
            if isinstance(node, dict) and {"what", "detail"} <= node.keys():
                out.append(node)
            for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
                walk(child)
        walk(json.loads(said[said.index("{\n"):]))  # behind what the graph's own findings say
        return out

    def test_what_is_weak_is_named_with_a_remedy(self):
        for name, (text, what, grade, words) in ROWS.items():
            with self.subTest(name):
                found = self.findings(text)
                self.assertTrue(found)
                mine = [f for f in found if f["what"] == what and grade in f.values() and words in f["detail"]]
                self.assertTrue(mine, [f for f in found if f["what"] == what])
                for f in found:
                    self.assertTrue("ok" in f.values() or f.get("remedy"), f)

    def test_good_is_said_of_a_tool_server_only_where_the_kernel_holds_all_of_it(self):
        found = self.findings(served(""))
        gaps = [f for f in found if f["what"] == "sandbox" and "ok" not in f.values()]
        mine = [f for f in found if f["what"] == "mind: s"]
        self.assertEqual(len(mine), 1)
        self.assertEqual("ok" in mine[0].values(), not gaps, (mine, gaps))


if __name__ == "__main__":
    main()
