#include "actors/host/actor/restarts.hpp"

#include <doctest/doctest.h>

using namespace hocket;
using hocket::host::restarts;

namespace {
constexpr std::int64_t second = 1'000'000'000;
restart_policy policy(int most) {
  restart_policy p;
  p.when = restart_policy::mode::on_failure;
  p.max = most;
  p.within_s = 10;
  p.backoff_ms = 50;
  p.backoff_max_ms = 150;
  return p;
}
}  // namespace

TEST_CASE("each restart waits twice as long, up to a limit, until they are used up") {
  restarts r;
  const auto p = policy(4);
  CHECK(r.next(p, 1 * second) == 50);
  CHECK(r.next(p, 2 * second) == 100);
  CHECK(r.next(p, 3 * second) == 150);
  CHECK(r.next(p, 4 * second) == 150);
  CHECK(!r.next(p, 5 * second));
  CHECK(r.count() == 4);
  CHECK(r.recent(p, 5 * second) == 4);
  SUBCASE("those of long ago do not count, and the wait begins anew") {
    CHECK(r.recent(p, 13 * second) == 2);
    CHECK(r.next(p, 30 * second) == 50);
    CHECK(r.count() == 5);
  }
}

TEST_CASE("never is never") {
  restarts r;
  auto p = policy(4);
  p.when = restart_policy::mode::never;
  CHECK(!r.next(p, 0));
  CHECK(!restarts().next(policy(0), 0));
  CHECK(!restarts().next(policy(-1), 0));
  CHECK(r.count() == 0);
}
