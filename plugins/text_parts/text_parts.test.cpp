#include <doctest/doctest.h>

#include "graph/contract/harness.hpp"
#include "plugins/text_parts/batch.hpp"
#include "plugins/text_parts/rate_limit.hpp"
#include "plugins/text_parts/timer.hpp"

namespace hocket::text_parts {
namespace {

std::vector<std::string> words(const harness& h, std::string_view port) {
  std::vector<std::string> out;
  for (const auto& t : h.values<text>(port)) out.push_back(t.value);
  return out;
}

void say(harness& h, std::int64_t ms, const char* what, const char* role = "user") {
  REQUIRE(h.push("text", timestamp::of_ms(ms), text{what, role}));
}

}  // namespace

TEST_CASE("timer: each text lies at its very time, and it ends after the last") {
  harness h(type_of<timer>(),
            {.config = settings(
                 {{"every_ms", 70}, {"first_ms", 30}, {"count", 12}, {"text", "{n} of {n}"}})});
  REQUIRE(h.open());
  REQUIRE(h.run_to_end(timestamp::of_ms(2000)));
  const auto& out = h.outputs("text");
  REQUIRE(out.size() == 12);
  for (std::size_t i = 0; i < out.size(); ++i)
    CHECK(out[i].header.ts == timestamp::of_ms(30 + 70 * static_cast<std::int64_t>(i)));
  CHECK(words(h, "text")[11] == "11 of 11");
  CHECK(h.values<text>("text")[0].role == "timer");
  CHECK(h.violations().empty());
}

TEST_CASE("timer: several in one call, and none before its time") {
  harness h(type_of<timer>(), {.config = settings({{"every_ms", 3}, {"first_ms", 100}})});
  REQUIRE(h.open());
  REQUIRE(h.advance_to(timestamp::of_ms(100)));
  CHECK(h.outputs("text").empty());
  REQUIRE(h.advance_to(timestamp::of_ms(160)));
  CHECK(h.outputs("text").size() == 20);
}

TEST_CASE("timer: a conversation that begins later is not told of the time before it") {
  struct sink final : emitter {
    using emitter::emit;
    void emit(std::size_t, packet p) override {
      told += std::to_string(static_cast<std::int64_t>(p.header.ts.ms())) + ":" +
              p.get_if<text>()->value + " ";
    }
    void interrupt() override {}
    void for_session(session_id) override {}
    std::string told;
  } out;
  timer::config c;
  c.every_ms = 1000;
  c.first_ms = 30;
  c.text = "{n}";
  manual_clock time;
  context where;
  where.time = &time;
  time.advance(std::chrono::milliseconds(3'600'050));
  timer late(c);
  REQUIRE(late.open(where));
  REQUIRE(late.produce(timestamp::of_ms(3'602'000), out));
  CHECK(out.told == "3600230:0 3601230:1 ");
  // Its next life goes on where it was.
  out.told.clear();
  where.began = time.now();
  where.restarts = 1;
  time.advance(std::chrono::milliseconds(3'950));
  timer again(c);
  REQUIRE(again.open(where));
  REQUIRE(again.produce(timestamp::of_ms(3'605'500), out));
  CHECK(out.told == "3604230:4 3605230:5 ");
}

TEST_CASE("rate_limit: a burst, then the rate; what is held back goes out elsewhere, unchanged") {
  harness h(type_of<rate_limit>(), {.config = settings({{"per_s", 2.0}, {"burst", 3.0}})});
  REQUIRE(h.open());
  for (int i = 0; i < 40; ++i) say(h, 100 * i, i == 0 ? "first" : "more");
  // 3 at once, and 2 a second for 3.9 s.
  CHECK(h.outputs("text").size() == 3 + 7);
  CHECK(h.outputs("text").size() + h.outputs("refused").size() == 40);
  CHECK(h.counter("refused") == 30);
  CHECK(words(h, "text")[0] == "first");
  CHECK(h.outputs("refused")[0].header.ts == timestamp::of_ms(300));
}

TEST_CASE(
    "rate_limit: exactly at the rate nothing is refused, and a step back in time gives nothing") {
  harness h(type_of<rate_limit>(), {.config = settings({{"per_s", 10.0}})});
  REQUIRE(h.open());
  for (int i = 0; i < 1000; ++i) say(h, 100 * i, "x");
  CHECK(h.counter("refused") == 0);
  for (int i = 0; i < 10; ++i) say(h, 50, "old");
  CHECK(h.counter("refused") == 10);
}

TEST_CASE("batch: by number, by age, and what is left at the end") {
  harness h(type_of<batch>(),
            {.config = settings({{"size", 3}, {"within_ms", 500}, {"separator", " "}})});
  REQUIRE(h.open());
  for (const char* w : {"a", "b", "c"}) say(h, 10, w);
  CHECK(words(h, "text") == std::vector<std::string>{"a b c"});
  say(h, 100, "d", "model");
  REQUIRE(h.advance_to(timestamp::of_ms(400)));
  CHECK(h.outputs("text").size() == 1);
  REQUIRE(h.advance_to(timestamp::of_ms(800)));
  CHECK(words(h, "text").back() == "d");
  CHECK(h.values<text>("text").back().role == "model");
  CHECK(h.outputs("text").back().header.ts == timestamp::of_ms(100));
  say(h, 900, "e");
  REQUIRE(h.close());
  CHECK(words(h, "text").back() == "e");
  CHECK(h.violations().empty());
}

TEST_CASE("batch: an interruption loses nothing; without a limit of time it waits") {
  harness h(type_of<batch>(), {.config = settings({{"size", 2}, {"within_ms", 0}})});
  REQUIRE(h.open());
  say(h, 10, "old");
  REQUIRE(h.control_packet("text", {control::kind::interrupt, "", 0}));
  REQUIRE(h.advance_to(timestamp::of_ms(5000)));
  CHECK(h.outputs("text").empty());
  say(h, 5000, "new");
  CHECK(words(h, "text") == std::vector<std::string>{"old\nnew"});
}

}  // namespace hocket::text_parts
