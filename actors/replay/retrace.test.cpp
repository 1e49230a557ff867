#include "actors/replay/retrace.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

#include "actors/replay/tape.test.hpp"
#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::testing;
using namespace hocket::replay;

namespace {

/// mic > ears, and what ears is to do is up to the test.
struct graph {
  plan_maker m;
  std::shared_ptr<notebook> book = std::make_shared<notebook>();
  std::function<void(lambda_component&)> also = [](lambda_component&) {};

  graph() {
    m.add("mic", 0, 1, counter_source(1));
    m.source("mic");
    m.add("ears", 1, 1, [this] {
      auto c = std::make_unique<lambda_component>();
      auto* me = c.get();
      c->on_packet = [this, me](std::size_t port, const packet& p, emitter& out) -> result<void> {
        const auto now = me->where.time->now();
        book->add(std::to_string(port) + ":" + p.get_if<text>()->value + "@" +
                  std::to_string(now.ns() / 1'000'000));
        out.emit(0, p.header.ts, word("heard " + p.get_if<text>()->value));
        return {};
      };
      c->on_control_packet = [this](std::size_t, const packet& p, emitter&) -> result<void> {
        const auto* what = p.get_if<control>();
        book->add(std::string(to_string(what->what)) + " " + what->detail + " " +
                  std::to_string(what->value) + " e" + std::to_string(p.header.epoch));
        return {};
      };
      c->on_tick = [this](std::int64_t k, emitter&) -> result<void> {
        book->add("tick " + std::to_string(k));
        return {};
      };
      c->on_close = [this](emitter&) -> result<void> {
        book->add("close");
        return {};
      };
      also(*c);
      return c;
    });
    m.link("mic", 0, "ears", 0);
  }

  result<retraced> again(tape& t, const std::string& fate = "", const retrace_options& how = {}) {
    const auto p = m.make();
    const retrace_cast who{{"ears"}, {"mic"}, {}, {}};
    return retrace(p, t.end(fate), who, how);
  }
};

tape real() {
  tape t({{"clock", "real"}, {"recorder", "run"}});
  t.output("mic.out0").output("ears.out0");
  return t;
}

const auto nothing = nlohmann::json::object();

nlohmann::json took(std::uint64_t seq, nlohmann::json more = nothing) {
  more["port"] = 0;
  more["given"] = {"mic.out0", 1, seq};
  return more;
}

/// "a" at 10 ms, "b" at 20 ms, and what ears answered.
tape two_packets() {
  auto t = real();
  t.say("mic.out0", at_ms(10), 0, word("a"));
  t.say("mic.out0", at_ms(20), 1, word("b"));
  t.call("ears", "open", at_ms(0));
  t.call("ears", "packet", at_ms(12), took(0, {{"now_ns", {at_ms(13).ns()}}}));
  auto answer = make_packet(at_ms(10), word("heard a"));
  answer.header.session = session_id{1};
  t.say("ears.out0", at_ms(13), answer);
  t.call("ears", "packet", at_ms(22), took(1));
  answer = make_packet(at_ms(20), word("heard b"));
  answer.header.session = session_id{1};
  answer.header.seq = 1;
  t.say("ears.out0", at_ms(23), answer);
  t.call("ears", "close", at_ms(30));
  return t;
}

}  // namespace

TEST_CASE("retrace: each call once more, in its order, with what it was given and told") {
  graph g;
  auto t = two_packets();
  const auto out = g.again(t);
  REQUIRE_MESSAGE(out, (out ? "" : out.error().message));
  CHECK(g.book->lines() == std::vector<std::string>{"0:a@13", "0:b@22", "close"});
  CHECK(out->calls == 4);
  CHECK(out->end.why == host::end_reason::finished);
  CHECK(out->end.last.now == at_ms(30));
  CHECK(out->end.last.sessions == 1);
  REQUIRE(out->end.last.actors.size() == 2);
  CHECK(out->end.last.actors[1].packets_in == 2);
  CHECK(out->end.last.actors[1].packets_out == 2);
  REQUIRE(out->compared.size() == 1);
  CHECK(out->compared[0].name == "ears.out0");
  CHECK(out->compared[0].fine());
  CHECK(out->compared[0].same == 2);
}

TEST_CASE("retrace: ticks, control of the host and of actors, and calls of others") {
  graph g;
  auto t = real();
  t.say("mic.out0", at_ms(15), 0, control{control::kind::played, "so far", 480});
  t.call("mic", "open", at_ms(0), nothing, 1);
  t.call("ears", "open", at_ms(0), nothing, 2);
  t.call("mic", "produce", at_ms(10), nothing, 1);
  t.call("ears", "tick", at_ms(200), {{"k", 0}}, 2);
  t.call("ears", "packet", at_ms(201), took(0), 2);
  t.call("ears", "control", at_ms(210),
         {{"port", 0}, {"control", {"input_lost", 3, "gone", at_ms(205).ns(), 7, 1}}}, 2);
  t.call("ears", "close", at_ms(300), nothing, 2);
  const auto out = g.again(t);
  REQUIRE_MESSAGE(out, (out ? "" : out.error().message));
  CHECK(g.book->lines() == std::vector<std::string>{"tick 0", "played so far 480 e0",
                                                    "input_lost gone 3 e7", "close"});
  CHECK(out->calls == 5);  // those of ears
}

TEST_CASE("retrace: a call whose packet is not there, or not in the file, ends it by name") {
  graph g;
  auto t = real();
  t.call("ears", "open", at_ms(0));
  t.call("ears", "packet", at_ms(1012), took(7));
  const auto out = g.again(t);
  REQUIRE(!out);
  CHECK(out.error().code == "replay.gap");
  CHECK(out.error().message.find("session 1 packet 7 of mic.out0, which was taken at 1.012 s") ==
        0);
}

// Anybody may have written the file: a component hears nothing that no host would hand over.
TEST_CASE("retrace: a call that no host would make is refused with its place") {
  const auto far = std::int64_t{1} << 62;
  const auto set = [](std::int64_t k, int port, int missing) {
    return nlohmann::json{
        {"sets", nlohmann::json::array({{{"s", 1},
                                         {"k", k},
                                         {"e", 0},
                                         {"missing", nlohmann::json::array({0, 0, missing})},
                                         {"in", {{port, "mic.out0", 1, 0}}}}})}};
  };
  struct bad {
    std::string what;
    nlohmann::json more;
    std::string why;
  };
  const std::vector<bad> all = {
      {"packet", {{"port", 99}, {"given", {"mic.out0", 1, 0}}}, "names input 99 of 1"},
      {"packet", took(2), "hands over what `in0` does not take"},
      {"packet", took(3), "hands over what `in0` does not take: timestamp"},
      {"control", {{"port", 99}, {"control", {"played", 3, "", 0, 0, 1}}}, "names input 99 of 1"},
      {"control", took(0), "control call without control"},
      {"control", {{"port", 0}, {"control", {"played", 3, "", far, 0, 1}}}, "no time"},
      {"sets", set(1, 2, 0), "names input 2 of 1"},
      {"sets", set(INT64_MAX, 0, 0), "micro-turn"},
      {"tick", {{"k", INT64_MAX}}, "micro-turn"},
      {"tick", {{"k", 1}, {"now_ns", {far}}}, "no time"}};
  for (const auto& b : all) {
    INFO(b.what, " ", b.more.dump());
    graph g;
    g.also = [](lambda_component& c) {
      c.on_sets = [](std::span<const bundle>, emitter&) -> result<void> { return {}; };
    };
    auto t = real();
    t.say("mic.out0", at_ms(10), 0, word("a"));
    t.say("mic.out0", at_ms(10), 2, delegation{});
    auto late = make_packet(at_ms(7'300'000), word("late"));
    late.header.session = session_id{1};
    late.header.seq = 3;
    t.say("mic.out0", at_ms(10), late);
    t.call("ears", "open", at_ms(0));
    t.call("ears", b.what, at_ms(12), b.more);
    const auto out = g.again(t);
    CHECK(g.book->lines().empty());
    // What cannot even be read is one of the recording's problems.
    REQUIRE(out.has_value() == (b.why == "no time"));
    if (out) continue;
    CHECK(out.error().code == "record.bad_call");
    CHECK(out.error().message.find(b.why) != std::string::npos);
  }
}

TEST_CASE("retrace: a component that fails where it did not is named, with the time and why") {
  const auto error_of = [](std::function<void(lambda_component&)> also) {
    graph g;
    g.also = std::move(also);
    auto t = two_packets();
    const auto out = g.again(t);
    REQUIRE(!out);
    CHECK(out.error().code == "replay.failed");
    return out.error().message;
  };
  CHECK(error_of([](lambda_component& c) {
          c.on_packet = [](std::size_t, const packet&, emitter&) -> result<void> {
            return fail("ears.deaf", "hears nothing");
          };
        }) == "ears at 0.012 s: hears nothing [ears.deaf]");
  CHECK(error_of([](lambda_component& c) {
          c.on_packet = [](std::size_t, const packet&, emitter&) -> result<void> {
            throw std::runtime_error("out of luck");
          };
        }) == "ears: out of luck");
  CHECK(error_of([](lambda_component& c) {
          c.on_packet = [](std::size_t, const packet&, emitter& out) -> result<void> {
            out.emit(9, at_ms(1), word("x"));
            return {};
          };
        }) == "ears: emit to output 9 of 1");
  CHECK(error_of([](lambda_component& c) {
          c.on_open = [](const context&) -> result<void> { return fail("ears.none", "no ears"); };
        }) == "ears: no ears [ears.none]");
}

TEST_CASE("retrace: who needs real time is played, which is said, and compared with nothing") {
  graph g;
  g.also = [](lambda_component& c) {
    c.on_open = [](const context& where) -> result<void> {
      CHECK(where.time->is_virtual());
      return fail("ears.device_in_virtual_time", "a device needs real time");
    };
  };
  auto t = two_packets();
  const auto out = g.again(t);
  REQUIRE_MESSAGE(out, (out ? "" : out.error().message));
  CHECK(out->notes == std::vector<std::string>{"ears is played: it needs real time"});
  CHECK(out->compared.empty());
  CHECK(g.book->size() == 0);
}

TEST_CASE("retrace: stops between two calls when it is asked to") {
  graph g;
  auto t = two_packets();
  retrace_options how;
  int asked = 0;
  how.stop_wanted = [&] { return ++asked > 2; };
  const auto out = g.again(t, "", how);
  REQUIRE(out);
  CHECK(out->end.why == host::end_reason::stopped);
  CHECK(g.book->lines() == std::vector<std::string>{"0:a@13"});
}

TEST_CASE("retrace: another answer is a difference; of a torn recording the last is excused") {
  graph g;
  g.also = [](lambda_component& c) {
    c.on_packet = [n = 0](std::size_t, const packet& p, emitter& out) mutable -> result<void> {
      if (n++ == 0) out.emit(0, p.header.ts, word("heard a"));
      return {};
    };
  };
  auto whole = two_packets();
  const auto out = g.again(whole);
  REQUIRE(out);
  CHECK(out->compared[0].first_difference ==
        "session 1 packet 1 (0.020 s): was never emitted again");
  // The answer is in the file and the call that gave it is not: nobody could give it again.
  auto torn = real();
  torn.say("mic.out0", at_ms(10), 0, word("a"));
  torn.call("ears", "open", at_ms(0));
  torn.call("ears", "packet", at_ms(12), took(0));
  for (std::uint64_t n = 0; n < 2; ++n) {
    auto answer = make_packet(at_ms(n == 0 ? 10 : 20), word("heard a"));
    answer.header.session = session_id{1};
    answer.header.seq = n;
    torn.say("ears.out0", at_ms(12 + 10 * static_cast<int>(n)), answer);
  }
  const auto excused = g.again(torn, "killed");
  REQUIRE(excused);
  CHECK(excused->compared[0].fine());
  CHECK(excused->compared[0].recorded == 1);
}

TEST_CASE("retrace: each life of an actor is an instance of its own, which knows how many were") {
  graph g;
  std::vector<std::uint32_t> restarts;
  g.also = [&](lambda_component& c) {
    c.on_open = [&](const context& where) -> result<void> {
      restarts.push_back(where.restarts);
      CHECK(where.actor == "ears");
      CHECK(where.session == session_id{1});
      // No way to come back from a thread of its own: what that found out is not in the calls.
      CHECK(!where.self->run([](emitter&) {}));
      return {};
    };
  };
  auto t = real();
  t.call("ears", "open", at_ms(0), nothing, 1);
  t.call("ears", "tick", at_ms(200), {{"k", 0}}, 1);
  t.call("ears", "close", at_ms(210), nothing, 1);
  t.call("ears", "tick", at_ms(300), {{"k", 1}}, 1);  // it is closed: nobody is there
  t.call("ears", "open", at_ms(310), nothing, 2);
  t.call("ears", "tick", at_ms(400), {{"k", 2}}, 2);
  t.call("ears", "tick", at_ms(400), {{"k", 9}}, 3);  // never opened
  REQUIRE(g.again(t));
  CHECK(restarts == std::vector<std::uint32_t>{0, 1});
  CHECK(g.book->lines() == std::vector<std::string>{"tick 0", "close", "tick 2"});
}

TEST_CASE("retrace: sets come with their micro-turn, their epoch and what was missing") {
  graph g;
  g.m.actor("ears").policy = input_policy::micro_turn;
  std::vector<std::string> seen;
  g.also = [&](lambda_component& c) {
    c.on_sets = [&](std::span<const bundle> sets, emitter& out) -> result<void> {
      for (const auto& b : sets) {
        std::string line = std::to_string(b.from.ns() / 1'000'000) + "-" +
                           std::to_string(b.to.ns() / 1'000'000) + " e" + std::to_string(b.epoch) +
                           (b.missing[0] ? " none" : "");
        for (const auto& p : b.inputs[0]) line += " " + p.get_if<text>()->value;
        seen.push_back(line);
        out.emit(0, b.from, word("set"));
      }
      return {};
    };
  };
  auto t = real();
  t.say("mic.out0", at_ms(210), 0, word("a"));
  t.say("mic.out0", at_ms(220), 1, word("b"));
  const auto set = [](int k, int missing, nlohmann::json in) {
    return nlohmann::json{
        {"s", 1}, {"k", k}, {"e", 5}, {"missing", {missing}}, {"in", std::move(in)}};
  };
  t.call("ears", "open", at_ms(0));
  // In order of arrival, which is not that of the numbers.
  t.call("ears", "sets", at_ms(400),
         {{"sets",
           nlohmann::json::array({set(1, 0, {{0, "mic.out0", 1, 1}, {0, "mic.out0", 1, 0}})})}});
  t.call("ears", "sets", at_ms(600),
         {{"sets", nlohmann::json::array({set(2, 1, nlohmann::json::array())})}});
  auto answer = make_packet(at_ms(200), word("set"));
  answer.header.session = session_id{1};
  answer.header.epoch = 5;
  t.say("ears.out0", at_ms(400), answer);
  answer.header.seq = 1;
  answer.header.ts = at_ms(400);
  t.say("ears.out0", at_ms(600), answer);
  const auto out = g.again(t);
  REQUIRE_MESSAGE(out, (out ? "" : out.error().message));
  CHECK(seen == std::vector<std::string>{"200-400 e5 b a", "400-600 e5 none"});
  INFO(out->compared[0].first_difference);
  CHECK(out->compared[0].fine());
}
