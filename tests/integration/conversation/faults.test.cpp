#include "tests/integration/conversation/graph_runner.hpp"

using namespace hocket;
using namespace hocket::testing;

namespace {

std::string graph_with(const std::string& mic) {
  return "hocket: 1\nname: fault\nactors:\n  mic: {component: capture.gst, " + mic + R"(}
  ears:    {component: audio.dmel, inputs: {audio: mic.audio}}
  model:   {component: interaction.model, model: none, inputs: {audio: ears.frames}}
  speaker: {component: playout.gst, to: file, file: said.wav, inputs: {audio: model.audio}}
  record:  {component: record.wav, file: both.wav, inputs: {person: mic.audio, model: speaker.heard}}
)";
}

}  // namespace

TEST_CASE("a missing file: nothing starts, and the message says which actor and which file") {
  graph_runner g("missing-file");
  g.run(graph_with("file: nowhere/voice.wav"));
  CHECK(g.failed_to_start.code == "host.open_failed");
  CHECK(g.failed_to_start.message.find("mic") != std::string::npos);
  CHECK(g.failed_to_start.message.find("nowhere/voice.wav") != std::string::npos);
}

TEST_CASE("a garbage file: the same") {
  graph_runner g("garbage-file");
  std::ofstream(g.path("garbage.wav"), std::ios::binary) << std::string(50'000, '\x55');
  g.run(graph_with("file: \"" + g.path("garbage.wav") + "\""));
  CHECK(g.failed_to_start.code == "host.open_failed");
  CHECK(g.failed_to_start.message.find("garbage.wav") != std::string::npos);
}

TEST_CASE("a source that is lost for good stops the graph with its words; the outputs stand") {
  graph_runner g("lost");
  const auto done =
      g.run(graph_with("pipeline: \"audiotestsrc samplesperbuffer=320 ! identity error-after=60\", "
                       "restart: {policy: on_failure, max: 2, backoff_ms: 100}"));
  INFO(g.failed_to_start.message);
  CHECK(done.why == host::end_reason::failed);
  INFO(done.detail);
  CHECK(done.detail.find("mic") != std::string::npos);
  CHECK(done.detail.find("identity") != std::string::npos);
  for (const auto& a : done.last.actors)
    if (a.name == "mic") CHECK(a.restarts == 2);
  CHECK(g.text("both.wav").size() > 44 + 16000);
  CHECK(g.text("said.wav").size() > 44 + 8000);
}

TEST_CASE("a source that comes back goes on at the present time; the gap stays a gap") {
  // The first life ends in an error after about a second; the second one lacks nothing.
  struct once {
    static int& lives() {
      static int n = 0;
      return n;
    }
  };
  once::lives() = 0;
  struct flaky final : component {
    struct config {
      void visit(config_visitor&) {}
    };
    static component_info info() {
      auto i = capture::capture::info();
      i.type = "test.flaky";
      return i;
    }
    explicit flaky(config) {
      capture::capture::config c;
      c.pipeline = once::lives()++ == 0
                       ? "audiotestsrc samplesperbuffer=320 ! identity error-after=50"
                       : "audiotestsrc samplesperbuffer=320 num-buffers=150";  // 3 s
      inner = std::make_unique<capture::capture>(c);
    }
    result<void> open(const context& c) override { return inner->open(c); }
    result<source_state> produce(timestamp t, emitter& out) override {
      return inner->produce(t, out);
    }
    result<void> close(emitter& out) override { return inner->close(out); }
    std::unique_ptr<capture::capture> inner;
  };
  graph_runner g("comes-back");
  REQUIRE(g.types().add(type_of<flaky>()));
  const auto done = g.run(R"(
hocket: 1
name: flaky
actors:
  mic:    {component: test.flaky, restart: {policy: on_failure, max: 3, backoff_ms: 400}}
  record: {component: record.wav, file: flaky.wav, inputs: {person: mic.audio}}
)");
  INFO(g.failed_to_start.message);
  INFO(done.detail);
  REQUIRE(done.why == host::end_reason::finished);
  const auto person = channel_of(g.text("flaky.wav"), 0, 2);
  // As long as the source, not longer: the clock was never stretched.
  CHECK(person.size() >= 3 * 16000);
  CHECK(person.size() <= 33 * 1600);
  std::size_t longest = 0, run = 0;
  for (const auto v : person) longest = std::max(longest, run = v == 0 ? run + 1 : 0);
  CHECK(longest >= 300 * 16);  // the time it was away
  CHECK(longest <= 800 * 16);
}
