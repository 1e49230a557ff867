// Requests that are asked again: by a wire that repeats itself, by a model that does not know whether they
// arrived, and by one that has begun anew and uses their numbers for other tasks.
#include <doctest/doctest.h>

#include "actors/background/scripted.test.hpp"

using namespace hocket;
using namespace hocket::background::test;
using background::agent;

namespace {

delegation at_turn(std::uint64_t id, std::int64_t micro_turn, std::string task = "do it") {
  auto d = request(id, std::move(task));
  d.to_micro_turn = micro_turn;
  return d;
}

}  // namespace

TEST_CASE("a request that is asked again is worked on once, before and after its end") {
  auto hold = std::make_shared<gate>();
  auto calls = std::make_shared<std::atomic<int>>(0);
  bench b(scripted_tool([=](auto&, auto&) {
            ++*calls;
            hold->opened.wait();
            return std::string("42");
          }),
          {});
  b.ask(at_turn(1, 7));
  b.ask(at_turn(1, 7));
  hold->open.set_value();
  REQUIRE(b.until([&] { return !b.out.ends.empty(); }));
  b.ask(at_turn(1, 7));
  b.ask(at_turn(2, 9));
  REQUIRE(b.until([&] { return b.out.ends.size() == 2; }));
  CHECK(b.out.words == "forty two forty two ");
  CHECK(b.out.ends == std::vector<std::uint64_t>{1, 2});
  CHECK(*calls == 2);
  CHECK(b.counts["duplicate_requests"] == 2);
  REQUIRE(b.agent->close(b.out));
}

TEST_CASE("by hand the same may be asked twice: it has no micro-turn") {
  bench b(scripted_tool([](auto&, auto&) { return std::string("42"); }), {});
  for (std::size_t i = 1; i <= 2; ++i) {
    b.ask(request(0));
    REQUIRE(b.until([&] { return b.out.ends.size() == i; }));
  }
  CHECK(b.counts["duplicate_requests"] == 0);
  REQUIRE(b.agent->close(b.out));
}

TEST_CASE("another task under the number of one that is worked on: the old one ends silently") {
  auto hold = std::make_shared<gate>();
  bench b(scripted_tool([=](auto&, const tool_context&) {
            hold->opened.wait();
            return std::string("42");
          }),
          {});
  b.ask(at_turn(1, 7));
  REQUIRE(b.until([&] { return b.out.calls.size() == 1; }));
  b.ask(at_turn(1, 3));
  REQUIRE(b.until([&] { return b.out.calls.size() == 2; }));
  hold->open.set_value();
  REQUIRE(b.until([&] { return b.out.ends.size() == 1; }));
  REQUIRE(b.until([&] { return b.out.results.size() == 2; }));
  CHECK(b.out.words == "forty two ");
  CHECK(b.counts["superseded"] == 1);
  CHECK(b.counts["answered"] == 1);
  CHECK(b.out.results[0].status == outcome::superseded);
  CHECK(b.out.results[1].status == outcome::ok);
  REQUIRE(b.agent->close(b.out));
  CHECK(b.out.ends.size() == 1);
}

TEST_CASE("a second life of the agent: its answers take the place of what the first one told") {
  bench b(scripted_tool([](auto&, auto&) { return std::string("42"); }), {}, 1);
  b.ask(at_turn(1, 7));
  REQUIRE(b.until([&] { return b.out.ends.size() == 1; }));
  CHECK(b.out.replaced == std::vector<std::string>{"forty"});
  REQUIRE(b.agent->close(b.out));
}

TEST_CASE("very many requests: only the newest are remembered") {
  bench b(scripted_tool([](auto&, auto&) { return std::string("42"); }), {});
  for (std::uint64_t id = 1; id <= 300; ++id) {
    b.ask(at_turn(id, 1));
    REQUIRE(b.until([&] { return b.out.ends.size() == id; }));
  }
  b.ask(at_turn(300, 1));
  CHECK(b.counts["duplicate_requests"] == 1);
  REQUIRE(b.agent->close(b.out));
}
