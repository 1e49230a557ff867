// Virtual time over several hosts goes in rounds, and a round takes in what belongs to it: no more,
// though a quick host may have sent more by then, and no less, though a lane may be slow. In each
// of these tests one host hears something on its control lanes a millisecond late, and has
// meanwhile got packets of a round that it has not begun.
#include "actors/start_run.hpp"
#include "actors/distributed/hosts.test.hpp"

#include <string>

using namespace hocket;
using namespace hocket::host;
using namespace hocket::distributed;
using namespace hocket::testing;

namespace {

/// Writes down what comes, and from which input.
plan_maker::maker writes_down(std::shared_ptr<notebook> book) {
  return [book] {
    auto c = std::make_unique<lambda_component>();
    c->on_packet = [book](std::size_t port, const packet& p, emitter&) -> result<void> {
      book->add(std::to_string(port) + ": " + p.get_if<text>()->value);
      return {};
    };
    c->on_control_packet = [book](std::size_t, const packet& p, emitter&) -> result<void> {
      if (p.get_if<control>()->what == control::kind::interrupt) book->add("interrupted");
      return {};
    };
    return c;
  };
}

/// What `from` says to `host` on the control lane comes late; "": what anybody says.
fake_network::conditions late_at(const std::string& host, const std::string& from, unsigned seed) {
  return {.seed = seed, .delay_us = 100, .slow_for = host, .slow_us = 1000, .slow_from = from};
}

}  // namespace

TEST_CASE("several hosts, virtual time: what a quick host sends early waits for its round") {
  // A word comes straight to the end, and a round later by way of the relay, whose link is counted
  // first: taken in together, the two would change places.
  const auto run = [](bool several, const fake_network::conditions& w) {
    auto book = std::make_shared<notebook>();
    plan_maker g;
    g.add("src", 0, 1, counter_source(20));
    g.source("src", 5);
    g.add("relay", 1, 1, relay());
    g.add("end", 2, 0, writes_down(book));
    g.link("relay", 0, "end", 0, {8, full_policy::block});
    g.link("src", 0, "relay", 0, {8, full_policy::block});
    g.link("src", 0, "end", 1, {8, full_policy::block});
    if (several)
      host_group(g, {{"src", "a"}, {"relay", "c"}, {"end", "b"}}, true, w).wait();
    else
      run_plan(g, true);
    return book->lines();
  };
  const auto alone = run(false, {});
  REQUIRE(alone.size() == 40);
  REQUIRE(alone[0] == "1: 0");
  REQUIRE(alone[1] == "0: 0");
  CHECK(run(true, {.seed = 1, .delay_us = 200}) == alone);
  for (unsigned seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    CHECK(run(true, late_at("b", "", seed)) == alone);  // the leader's orders
  }
}

TEST_CASE("several hosts, virtual time: a round waits for each lane, not for a number of things") {
  // The model interrupts and speaks in one round, and speaks again in the next. An interruption
  // goes by the control lane, words do not: here the second word is there before it, and is no
  // reason to begin the round without it.
  const auto run = [](const fake_network::conditions& w) {
    auto book = std::make_shared<notebook>();
    plan_maker g;
    g.add("mic", 0, 1, counter_source(60));
    g.source("mic", 5);
    g.add("relay", 1, 1, relay());
    g.add("model", 2, 1, [] {
      auto c = std::make_unique<lambda_component>();
      c->on_packet = [](std::size_t port, const packet& p, emitter& out) -> result<void> {
        const auto& said = p.get_if<text>()->value;
        if (port == 0) out.interrupt();
        out.emit(0, p.header.ts, word((port == 0 ? "first " : "again ") + said));
        return {};
      };
      return c;
    });
    g.add("speaker", 1, 0, writes_down(book));
    g.link("mic", 0, "model", 0, {8, full_policy::block});
    g.link("mic", 0, "relay", 0, {8, full_policy::block});
    g.link("relay", 0, "model", 1, {8, full_policy::block});
    g.link("model", 0, "speaker", 0, {8, full_policy::block});
    host_group(g, {{"mic", "a"}, {"relay", "d"}, {"model", "c"}, {"speaker", "b"}}, true, w).wait();
    return book->lines();
  };
  const auto calm = run({.seed = 1, .delay_us = 200});
  REQUIRE(calm.size() > 100);
  for (unsigned seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    CHECK(run(late_at("b", "c", seed)) == calm);
  }
}
