#pragma once

#include <doctest/doctest.h>

#include "actors/host/runtime.hpp"
#include "tests/support/plan_maker.hpp"

namespace hocket::host {

/// Runs a plan to its end; the law holds and nothing is left on the way.
inline run_summary run_plan(const testing::plan_maker& g, bool virtual_time,
                            runtime_options o = {}) {
  o.virtual_time = virtual_time;
  const auto p = g.make();
  auto r = runtime::start(p, g.types, o);
  REQUIRE(r);
  auto done = (*r)->wait();
  CHECK(done.last.law_holds());
  for (const auto& l : done.last.links) CHECK(l.in_flight == 0);
  return done;
}

inline std::uint64_t dropped(const link_account& l, drop_reason why) {
  return l.dropped[static_cast<int>(why)];
}

}  // namespace hocket::host
