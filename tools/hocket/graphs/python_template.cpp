#include "tools/hocket/graphs/python_template.hpp"

namespace hocket::cli {
namespace {

constexpr const char* tool_source = R"~~~("""The tool `@word@`."""

from typing import Annotated, Any

import hocket


class @Class@(hocket.Tool):
    """Says back the text it is given."""

    name = "@word@"
    time_limit_ms = 10_000

    def call(self, text: Annotated[str, "what to say back"]) -> str:
        return text

    def arguments_for(self, task: str) -> dict[str, Any] | None:
        """For `planner: match`, which no language model helps: "@word@ hello"."""
        start = "@word@ "
        return {"text": task[len(start) :]} if task.startswith(start) else None


class Ask(hocket.Component):
    """Hands each line to the background: stands for a model that delegates."""

    inputs = {"words": hocket.port(hocket.Text, "lines")}
    outputs = {"delegations": hocket.port(hocket.Delegation)}
    asked = 0

    def process(self, port: str, packet: hocket.Packet) -> None:
        self.asked += 1
        self.emit("delegations", hocket.Delegation(packet.payload.value, request=self.asked))
)~~~";

constexpr const char* tool_test = R"~~~("""python3 -m unittest: no host, no process, no waiting."""

import unittest

import hocket

from @word@ import Ask, @Class@


class Test@Class@(unittest.TestCase):
    def test_says_back(self) -> None:
        tool = hocket.ToolHarness(@Class@)
        self.assertEqual(tool.call(text="hello"), "hello")
        self.assertEqual(tool.arguments_for("@word@ hello"), {"text": "hello"})
        self.assertIsNone(tool.arguments_for("something else"))

    def test_asks(self) -> None:
        h = hocket.Harness(Ask)
        h.open()
        h.push("words", hocket.Text("@word@ hello"), ts_ms=100)
        h.close()
        self.assertEqual(h.outputs("delegations")[0].payload.task, "@word@ hello")
        self.assertEqual(h.violations, [])


if __name__ == "__main__":
    unittest.main()
)~~~";

constexpr const char* tool_graph = R"~~~(# A background agent that calls the Python tool.
#   hocket run @word@.yaml --plugin @word@.py --virtual
# Without `script` it takes lines from the keyboard; leave out --virtual then.
hocket: 1
name: @word@
actors:
  keys: {component: text.console, script: ["0.5 @word@ hello"], print: false}
  ask:  {component: python.@word@.Ask, inputs: {words: keys.text}}
  mind: {component: background.agent, tools: [@word@], inputs: {requests: ask.delegations}}
  screen: {component: text.console, inputs: {text: mind.results}}
)~~~";

constexpr const char* component_source = R"~~~("""The component `python.@word@.@Class@`."""

import hocket


class @Class@(hocket.Component):
    """Makes sound louder or softer."""

    inputs = {"audio": hocket.port(hocket.Audio)}
    outputs = {"audio": hocket.port(hocket.Audio)}
    gain_db: float = hocket.setting(0.0, "amplification", unit="dB", min=-60, max=24)

    def process(self, port: str, packet: hocket.Packet) -> None:
        audio = packet.payload
        louder = self.allocate(audio.samples.shape, "f4")
        louder[:] = audio.samples * 10 ** (self.gain_db / 20)
        self.emit("audio", hocket.Audio(louder, audio.rate_hz, first_sample=audio.first_sample))
)~~~";

constexpr const char* component_test =
    R"~~~("""python3 -m unittest: no host, no process, no waiting."""

import unittest

import numpy as np

import hocket

from @word@ import @Class@


class Test@Class@(unittest.TestCase):
    def test_louder(self) -> None:
        h = hocket.Harness(@Class@, gain_db=20.0)
        h.open()
        h.push("audio", hocket.Audio(np.full((160, 1), 0.05, "f4")), ts_ms=0)
        h.close()
        self.assertAlmostEqual(float(h.outputs("audio")[0].payload.samples[0, 0]), 0.5, places=5)
        self.assertEqual(h.violations, [])


if __name__ == "__main__":
    unittest.main()
)~~~";

constexpr const char* component_graph =
    R"~~~(#   hocket run @word@.yaml --plugin @word@.py --virtual
hocket: 1
name: @word@
actors:
  mic:  {component: capture.gst, pipeline: "audiotestsrc num-buffers=50 ! audioconvert ! audioresample"}
  gain: {component: python.@word@.@Class@, gain_db: -6, inputs: {audio: mic.audio}}
  record: {component: record.wav, file: @word@.wav, inputs: {person: mic.audio, model: gain.audio}}
)~~~";

constexpr const char* readme = R"~~~(# @word@
A @kind@ for Hocket graphs, in Python. It runs in a process of its own, which reaches this folder and no network.

```bash
python3 -m unittest                               # its test; needs the package `hocket`
hocket run @word@.yaml --plugin @word@.py --virtual   # a graph with it
hocket run --manifest @word@.py                   # says what it declares to `hocket validate` and `describe`
```
)~~~";

std::string class_of(const std::string& word) {
  std::string out;
  bool up = true;
  for (const char c : word) {
    if (c == '_') {
      up = true;
      continue;
    }
    out += up && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    up = false;
  }
  return out;
}

std::string filled(std::string text, const std::string& kind, const std::string& word) {
  const std::pair<std::string, std::string> all[] = {
      {"@word@", word}, {"@Class@", class_of(word)}, {"@kind@", kind}};
  for (const auto& [mark, with] : all)
    for (std::size_t at = 0; (at = text.find(mark, at)) != text.npos; at += with.size())
      text.replace(at, mark.size(), with);
  return text;
}

}  // namespace

std::vector<template_file> python_template(const std::string& kind, const std::string& word) {
  const bool tool = kind == "tool";
  const std::pair<std::string, const char*> files[] = {
      {word + ".py", tool ? tool_source : component_source},
      {"test_" + word + ".py", tool ? tool_test : component_test},
      {word + ".yaml", tool ? tool_graph : component_graph},
      {"README.md", readme}};
  std::vector<template_file> out;
  for (const auto& [name, text] : files) out.push_back({name, filled(text, kind, word)});
  return out;
}

}  // namespace hocket::cli
