#include "graph/contract/harness.hpp"

#include <doctest/doctest.h>
#include <thread>

namespace hocket {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t out = 0;

audio_chunk silence(std::int64_t first, std::int64_t frames) {
  return {16000, 1, first, buffer::take(std::vector<float>(static_cast<std::size_t>(frames)))};
}

/// Doubles every sample; says so when it is asked for something odd.
struct doubler final : component {
  struct config {
    double factor = 2;
    std::string fault = "none";
    void visit(config_visitor& v) {
      v.field({.name = "factor", .doc = "gain", .min = 0}, factor);
      v.field({.name = "fault", .doc = "what to do wrong"}, fault);
    }
  };
  explicit doubler(config c) : config_(std::move(c)) {}
  static component_info info() {
    component_info i;
    i.type = "test.doubler";
    i.inputs = {{"audio", {.kind = payload_kind::audio, .rate_hz = 16000}, "sound"}};
    i.outputs = {{"audio", {.kind = payload_kind::audio, .rate_hz = 16000}, "louder"}};
    return i;
  }
  result<void> open(const context& c) override {
    context_ = c;
    if (config_.fault == "open") return fail("test.closed", "no");
    return {};
  }
  result<void> process(std::size_t, const packet& p, emitter& to) override {
    const auto& in = *p.get_if<audio_chunk>();
    if (config_.fault == "throw") throw std::runtime_error("boom");
    if (config_.fault == "kind")
      return to.emit(out, p.header.ts, text{"no sound", "user"}), result<void>();
    if (config_.fault == "port") return to.emit(7, p.header.ts, in), result<void>();
    if (config_.fault == "back") to.emit(out, p.header.ts + 1ms, in);
    std::vector<float> louder;
    for (const float s : in.samples.as<float>())
      louder.push_back(s * static_cast<float>(config_.factor));
    auto chunk = in;
    chunk.samples = buffer::take(std::move(louder));
    if (config_.fault == "rate") chunk.rate_hz = 8000;
    context_.count("chunks", 1);
    context_.log("a chunk");
    to.emit(out, p.header.ts, std::move(chunk));
    return {};
  }
  result<void> on_control(std::size_t, const packet& p, emitter& to) override {
    if (p.get_if<control>()->what == control::kind::interrupt) to.interrupt();
    return {};
  }

  config config_;
  context context_;
};

/// Writes down the bundles that it is handed.
struct notes final : component {
  struct config {
    void visit(config_visitor&) {}
  };
  explicit notes(config) {}
  static component_info info() {
    component_info i;
    i.type = "test.notes";
    i.inputs = {{"audio", {.kind = payload_kind::audio}, ""},
                {"text", {.kind = payload_kind::text}, "", false}};
    i.outputs = {{"notes", {.kind = payload_kind::text}, ""}};
    i.policy = input_policy::micro_turn;
    i.policies = {input_policy::aligned};
    i.scope = instance_scope::shared;
    i.ticks = true;
    return i;
  }
  result<void> process_sets(std::span<const bundle> sets, emitter& to) override {
    for (const auto& b : sets) {
      to.for_session(b.session);
      std::string note;
      for (std::size_t i = 0; i < b.inputs.size(); ++i)
        note += b.missing[i] ? "-" : std::to_string(b.inputs[i].size());
      to.emit(out, b.from, text{std::to_string(sets.size()) + ":" + note, "model"});
    }
    return {};
  }
  result<void> tick(std::int64_t k, emitter&) override {
    ticks_.push_back(k);
    return {};
  }
  std::vector<std::int64_t> ticks_;
};

/// A source of one word per 50 ms that also has a thread come back to it.
struct beat final : component {
  struct config {
    std::int64_t count = 5;
    void visit(config_visitor& v) { v.field({.name = "count", .doc = "words"}, count); }
  };
  explicit beat(config c) : left_(c.count) {}
  ~beat() override {
    if (thread_.joinable()) thread_.join();
  }
  static component_info info() {
    component_info i;
    i.type = "test.beat";
    i.outputs = {{"words", {.kind = payload_kind::text}, ""}};
    i.source = true;
    return i;
  }
  result<void> open(const context& c) override {
    thread_ = std::thread([self = c.self] {
      self->run([](emitter& to) { to.emit(out, timestamp::of_ms(0), text{"posted", "user"}); });
    });
    return {};
  }
  result<source_state> produce(timestamp until, emitter& to) override {
    for (; left_ > 0 && next_ < until; --left_, next_ = next_ + 50ms)
      to.emit(out, next_, text{"beat", "user"});
    return left_ > 0 ? source_state::more : source_state::end_of_stream;
  }
  std::int64_t left_;
  timestamp next_;
  std::thread thread_;
};

std::vector<std::string> words(const harness& h, std::string_view port) {
  std::vector<std::string> all;
  for (const auto& t : h.values<text>(port)) all.push_back(t.value);
  return all;
}
using strings = std::vector<std::string>;

}  // namespace

TEST_CASE("harness: one packet in, one out, header filled, notes kept") {
  harness h(type_of<doubler>(), {.config = settings({{"factor", 3.0}})});
  REQUIRE(h.open());
  audio_chunk in{16000, 1, 3200, buffer::take(std::vector<float>{0.25f})};
  REQUIRE(h.push("audio", timestamp::of_ms(200), in));
  REQUIRE(h.outputs("audio").size() == 1);
  const auto& p = h.outputs("audio")[0];
  CHECK(p.get_if<audio_chunk>()->samples.as<float>()[0] == 0.75f);
  CHECK(p.header.micro_turn == 1);
  CHECK(p.header.session == session_id{1});
  CHECK(h.counter("chunks") == 1);
  CHECK(h.logs() == strings{"a chunk"});
  CHECK(h.close());
  CHECK(h.violations().empty());
}

TEST_CASE("harness: what a component does wrong is named") {
  const std::pair<const char*, const char*> faults[] = {
      {"kind", "text where audio is declared"},
      {"rate", "audio of 8000 Hz where 16000 Hz is declared"},
      {"port", "emits on port 7"},
      {"back", "time runs backwards"}};
  for (const auto& [fault, words] : faults) {
    CAPTURE(fault);
    harness h(type_of<doubler>(), {.config = settings({{"fault", fault}})});
    REQUIRE(h.open());
    REQUIRE(h.push("audio", timestamp::of_ms(0), silence(0, 160)));
    REQUIRE(h.violations().size() == 1);
    CHECK(h.violations()[0].find(words) != std::string::npos);
  }
  harness h(type_of<doubler>(), {.config = settings({{"fault", "throw"}})});
  REQUIRE(h.open());
  const auto thrown = h.push("audio", timestamp::of_ms(0), silence(0, 160));
  REQUIRE(!thrown);
  CHECK(thrown.error().code == "component.threw");
  CHECK(thrown.error().message.find("boom") != std::string::npos);
}

TEST_CASE("harness: refused configs, opens and inputs are errors") {
  harness bad_config(type_of<doubler>(), {.config = settings({{"factor", -1}})});
  CHECK(bad_config.open().error().code == "harness.config");
  harness closed(type_of<doubler>(), {.config = settings({{"fault", "open"}})});
  CHECK(closed.open().error().code == "test.closed");
  harness h(type_of<doubler>());
  REQUIRE(h.open());
  CHECK(h.push("audio", timestamp(), text{"x", "user"}).error().code == "harness.bad_packet");
}

TEST_CASE("harness: interrupts raise the epoch of later packets") {
  harness h(type_of<doubler>());
  REQUIRE(h.open());
  REQUIRE(h.push("audio", timestamp::of_ms(0), silence(0, 160)));
  REQUIRE(h.control_packet("audio", {control::kind::interrupt, "", 0}));
  REQUIRE(h.push("audio", timestamp::of_ms(10), silence(160, 160)));
  CHECK(h.interrupts() == 1);
  CHECK(h.outputs("audio")[0].header.epoch == 0);
  CHECK(h.outputs("audio")[1].header.epoch == 2);  // its own, behind the one that it was told of
}

TEST_CASE("harness: micro-turn bundles of all sessions, with missing inputs and late packets") {
  harness h(type_of<notes>(), {.sessions = {session_id{2}, session_id{1}}});
  REQUIRE(h.open());
  h.use_session(session_id{1});
  for (int i = 0; i < 4; ++i)
    REQUIRE(h.push("audio", timestamp::of_ms(50 * i), silence(800 * i, 800)));
  REQUIRE(h.push("audio", timestamp::of_ms(200), silence(3200, 800)));
  h.use_session(session_id{2});
  REQUIRE(h.push("text", timestamp::of_ms(10), text{"hello", "user"}));
  REQUIRE(h.advance_to(timestamp::of_ms(199)));
  CHECK(h.outputs("notes").empty());
  REQUIRE(h.advance_to(timestamp::of_ms(450)));
  CHECK(words(h, "notes") == strings{"2:4-", "2:-1", "2:1-", "2:--"});
  CHECK(h.outputs("notes")[1].header.session == session_id{2});
  REQUIRE(h.push("audio", timestamp::of_ms(100), silence(1600, 800)));
  CHECK(h.late() == 1);
  CHECK(static_cast<notes&>(h.subject()).ticks_ == std::vector<std::int64_t>{0, 1});
}

TEST_CASE("harness: aligned sets wait for every input's bound") {
  harness h(type_of<notes>(), {.policy = input_policy::aligned});
  REQUIRE(h.open());
  REQUIRE(h.push("audio", timestamp::of_ms(0), silence(0, 800)));
  REQUIRE(h.push("audio", timestamp::of_ms(50), silence(800, 800)));
  CHECK(h.outputs("notes").empty());
  REQUIRE(h.push("text", timestamp::of_ms(50), text{"x", "user"}));
  CHECK(words(h, "notes") == strings{"1:1-", "1:11"});
  REQUIRE(h.push("audio", timestamp::of_ms(100), silence(1600, 800)));
  REQUIRE(h.settle("text", timestamp::of_ms(500)));
  CHECK(words(h, "notes").back() == "1:1-");
}

TEST_CASE("harness: inputs that are not connected hold nothing up") {
  harness h(type_of<notes>(),
            {.policy = input_policy::aligned, .connected = std::vector<std::string>{"audio"}});
  REQUIRE(h.open());
  REQUIRE(h.push("audio", timestamp::of_ms(0), silence(0, 800)));
  CHECK(words(h, "notes") == strings{"1:10"});
}

TEST_CASE("harness: sources run to their end, threads come back") {
  harness h(type_of<beat>());
  REQUIRE(h.open());
  REQUIRE(h.run_posted(std::chrono::seconds(120)));
  CHECK(words(h, "words") == strings{"posted"});
  REQUIRE(h.run_to_end(timestamp::of_ms(10'000)));
  CHECK(h.outputs("words").size() == 6);
  CHECK(h.ended());
  CHECK(h.take("words").size() == 6);
  CHECK(h.outputs("words").empty());
  harness endless(type_of<beat>(), {.config = settings({{"count", 1'000'000}})});
  REQUIRE(endless.open());
  CHECK(endless.run_to_end(timestamp::of_ms(1000)).error().code == "harness.endless");
}

}  // namespace hocket
