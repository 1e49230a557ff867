#include "tests/integration/conversation/graph_runner.hpp"

using namespace hocket;
using namespace hocket::testing;

namespace {

const char* const typed = R"(
hocket: 1
name: typed
actors:
  quiet:   {component: capture.gst, pipeline: "audiotestsrc wave=silence num-buffers=200 samplesperbuffer=320"}
  ears:    {component: audio.dmel, inputs: {audio: quiet.audio}}
  keys:    {component: text.console, script: ["0.5 hello", "1.05 delegate"], print: false}
  model:   {component: interaction.model, model: none,
            inputs: {audio: ears.frames, text: mind.results, keyboard: keys.text}}
  mind:    {component: background.agent, tools: [calculator, clock], min_delay_ms: 500,
            inputs: {requests: {from: model.delegations, back_edge: true}}}
  speaker: {component: playout.gst, to: none, delay_ms: 100, inputs: {audio: model.audio}}
  record:  {component: record.wav, file: typed.wav, inputs: {person: quiet.audio, model: speaker.heard}}
  log:     {component: record.events, file: typed.jsonl, pii.text: true,
            inputs: {words: model.text, delegations: model.delegations, results: mind.results,
                     tool_calls: mind.tool_calls, tool_results: mind.tool_results,
                     played: speaker.played}}
)";

std::vector<std::string> words_of(const std::vector<nlohmann::json>& lines) {
  std::vector<std::string> out;
  for (const auto& l : lines) out.push_back(l["text"]);
  return out;
}

}  // namespace

TEST_CASE("the graph of the main job runs, with a stand-in for the model") {
  graph_runner g("talk");
  const auto done = g.run(graph_runner::file_text("configs/graphs/talk.yaml"));
  INFO(g.failed_to_start.message);
  INFO(done.detail);
  REQUIRE(done.why == host::end_reason::finished);
  const auto wav = g.text("conversation.wav");
  const auto person = channel_of(wav, 0, 2);
  const auto model = channel_of(wav, 1, 2);
  // question.wav and 8 s of silence.
  CHECK(person.size() >= 32538 + 8 * 16000);
  CHECK(person.size() <= 32538 + 9 * 16000);
  CHECK(std::ranges::any_of(person, [](auto v) { return v > 3000; }));
  CHECK(std::ranges::any_of(model, [](auto v) { return v > 3000; }));
  // What the stand-in says to a sound is heard in the next micro-turn, the playout's delay later.
  const auto first = [](const auto& v) {
    return std::ranges::find_if(v, [](auto s) { return std::abs(s) > 2000; }) - v.begin();
  };
  CHECK(first(model) >= first(person));
  CHECK(first(model) - first(person) <= (400 + 150) * 16);
  CHECK(!g.lines("record.jsonl", "heard").empty());
  CHECK(g.lines("record.jsonl", "state").size() >= 50);
  CHECK(done.last.budgets.size() == 1);
  CHECK(graph_runner::counter(done, "model", "missing_frames") <= 4);
  CHECK(graph_runner::counter(done, "speaker", "late_samples") == 0);
  CHECK(graph_runner::counter(done, "speaker", "gap_samples") == 0);
}

TEST_CASE("a delegated task comes back as words, at its time") {
  graph_runner g("delegation");
  const auto done = g.run(typed);
  INFO(g.failed_to_start.message);
  INFO(done.detail);
  REQUIRE(done.why == host::end_reason::finished);
  CHECK(words_of(g.lines("typed.jsonl", "words")) ==
        std::vector<std::string>{"hello", "wait", "fifty", "six"});
  const auto asked = g.lines("typed.jsonl", "delegations");
  REQUIRE(asked.size() == 1);
  CHECK(asked[0]["task"] == "seven times eight");
  CHECK(g.lines("typed.jsonl", "tool_calls").at(0)["tool"] == "calculator");
  CHECK(g.lines("typed.jsonl", "tool_results").at(0)["content"] == "56");
  const auto results = g.lines("typed.jsonl", "results");
  REQUIRE(results.size() == 2);
  CHECK(results[0]["t_ms"].get<double>() - asked[0]["t_ms"].get<double>() >= 500);
  CHECK(results[0]["t_ms"].get<double>() - asked[0]["t_ms"].get<double>() <= 900);
}

TEST_CASE("virtual time gives the same run every time") {
  graph_runner a("same-a"), b("same-b");
  REQUIRE(a.run(typed).why == host::end_reason::finished);
  REQUIRE(b.run(typed).why == host::end_reason::finished);
  CHECK(a.text("typed.jsonl") == b.text("typed.jsonl"));
  CHECK(a.text("typed.wav") == b.text("typed.wav"));
  CHECK(!a.text("typed.jsonl").empty());
}

TEST_CASE("each session has a conversation and files of its own") {
  graph_runner g("sessions");
  const auto done = g.run(typed, {}, {.virtual_time = true, .sessions = 3});
  INFO(done.detail);
  REQUIRE(done.why == host::end_reason::finished);
  for (const std::string number : {"", ".2", ".3"}) {
    CHECK(words_of(g.lines("typed" + number + ".jsonl", "words")) ==
          std::vector<std::string>{"hello", "wait", "fifty", "six"});
    CHECK(g.text("typed" + number + ".wav").size() > 3 * 16000 * 4);
  }
}

TEST_CASE("example graphs run to their end") {
  const std::vector<std::pair<std::string, std::string>> graphs = {{"loopback", "loopback.wav"},
                                                                   {"video", "video.jsonl"},
                                                                   {"tone", "tone.wav"},
                                                                   {"console", ""},
                                                                   {"words", ""}};
  for (const auto& [name, file] : graphs) {
    graph_runner g(name);
    const auto done = g.run(graph_runner::file_text("configs/graphs/" + name + ".yaml"));
    INFO(name, " ", g.failed_to_start.message, " ", done.detail);
    CHECK(done.why == host::end_reason::finished);
    if (!file.empty()) CHECK(g.text(file).size() > 100);
  }
}

TEST_CASE("the graph for microphone and speaker runs with stand-ins for both") {
  graph_runner g("live-graph");
  const auto done = g.run(graph_runner::file_text("configs/graphs/live.yaml"),
                          {"actors.mic.pipeline=audiotestsrc num-buffers=100 samplesperbuffer=320",
                           "actors.speaker.to=none"});
  INFO(g.failed_to_start.message, " ", done.detail);
  CHECK(done.why == host::end_reason::finished);
  CHECK(g.text("live.wav").size() > 2 * 16000 * 4);
}

TEST_CASE("loopback: what is played is what went in, the delay later") {
  graph_runner g("loopback-exact");
  REQUIRE(g.run(graph_runner::file_text("configs/graphs/loopback.yaml")).why ==
          host::end_reason::finished);
  const auto wav = g.text("loopback.wav");
  const auto in = channel_of(wav, 0, 2), out = channel_of(wav, 1, 2);
  REQUIRE(in.size() > 32000);
  std::size_t same = 0;
  for (std::size_t i = 0; i + 1600 < in.size() && i < 32000; ++i) same += in[i] == out[i + 1600];
  CHECK(same == 32000);
}

TEST_CASE("a live source in real time: its own clock, the same law") {
  graph_runner g("live");
  const auto done = g.run(R"(
hocket: 1
name: live
actors:
  mic:     {component: capture.gst, pipeline: "audiotestsrc is-live=true num-buffers=40 samplesperbuffer=320"}
  speaker: {component: playout.gst, to: device, pipeline: "fakesink sync=true", delay_ms: 100, inputs: {audio: mic.audio}}
  record:  {component: record.wav, file: live.wav, inputs: {person: mic.audio, model: speaker.heard}}
)",
                          {}, {.virtual_time = false});
  INFO(g.failed_to_start.message);
  INFO(done.detail);
  REQUIRE(done.why == host::end_reason::finished);
  const auto person = channel_of(g.text("live.wav"), 0, 2);
  CHECK(std::ranges::any_of(person, [](auto v) { return v > 3000; }));
}
