#include "actors/host/budget.hpp"

#include <doctest/doctest.h>

#include "tests/support/plan_maker.hpp"

using namespace hocket;
using namespace hocket::host;

namespace {

/// A packet of a micro-turn that left the microphone `ms` ago, at monotonic time 1 s.
packet after(session_id session, std::int64_t micro_turn, std::int64_t ms) {
  auto p = make_packet(timestamp(), text{"a", "user"});
  p.header.session = session;
  p.header.micro_turn = micro_turn;
  p.header.origin_ns = 1'000'000'000 - ms * 1'000'000;
  p.header.way.push({0, p.header.origin_ns, p.header.origin_ns, p.header.origin_ns});
  return p;
}

}  // namespace

TEST_CASE(
    "a budget counts the last micro-turn of a session that is gone, once, and keeps nothing") {
  hocket::testing::plan_maker g;
  g.add("mic", 0, 1, [] { return std::unique_ptr<component>(); });
  g.add("speaker", 1, 0, [] { return std::unique_ptr<component>(); });
  g.link("mic", 0, "speaker", 0);
  auto graph = g.make();
  plan_budget b;
  b.path = {0, 1};
  b.limit_ms = 50;
  graph.budgets.push_back(b);
  budget_check check(graph);
  for (std::uint64_t id = 1; id <= 3; ++id) {
    const auto session = static_cast<session_id>(id);
    check.note(1, after(session, 0, 10), 1'000'000'000, 1'000'000'000);
    check.note(1, after(session, 1, id == 2 ? 80 : 20), 1'000'000'000, 1'000'000'000);
    const auto before = check.status().at(0);
    CHECK(before.checked == 2 * id);
    check.forget(session);
    check.forget(session);
    const auto now = check.status().at(0);
    CHECK(now.checked == before.checked);
    CHECK(now.missed == before.missed);
  }
  const auto s = check.status().at(0);
  CHECK(s.missed == 1);
  // What was still open is in the times, too, now that it has ended.
  CHECK(s.latencies.sum_s == doctest::Approx(0.15));
}
