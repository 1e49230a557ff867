#include "graph/trust/budget.hpp"

#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace hocket::trust;
using std::chrono::seconds;

TEST_CASE("each principal, and all together, hold what they may, and give it back") {
  budget b({{spends::connections, {.of_each = 2, .of_all = 3}}});
  auto one = b.take("a", spends::connections), two = b.take("a", spends::connections);
  CHECK(one);
  CHECK(two);
  CHECK(!b.take("a", spends::connections));
  auto other = b.take("b", spends::connections);
  CHECK(other);
  CHECK(!b.take("c", spends::connections));     // all of them
  CHECK(b.take("c", spends::bytes, 1u << 30));  // not limited
  one.give_back();
  CHECK(b.held("a", spends::connections) == 1);
  CHECK(b.take("c", spends::connections));  // and given back at once
  two = {};
  other = std::move(one);
  CHECK(b.held_by_all(spends::connections) == 0);
  CHECK(b.principals() == 0);
}

TEST_CASE("numbers that do not fit in one are too much, and nothing wraps around") {
  budget b({{spends::bytes, {.of_each = 100, .of_all = UINT64_MAX}}});
  CHECK(!b.take("a", spends::bytes, UINT64_MAX));
  auto some = b.take("a", spends::bytes, 60);
  CHECK(some);
  CHECK(!b.take("a", spends::bytes, UINT64_MAX - 10));
  CHECK(!b.take("a", spends::bytes, 41));
  CHECK(b.take("a", spends::bytes, 40));
}

TEST_CASE("so many in a minute, given back or not; the next minute begins anew") {
  budget b({{spends::rewires, {.per_minute = 3}}});
  const auto t = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) CHECK(b.take("host a", spends::rewires, 1, t + seconds(i)));
  CHECK(!b.take("host a", spends::rewires, 1, t + seconds(30)));
  CHECK(b.take("host b", spends::rewires, 1, t + seconds(30)));
  CHECK(b.take("host a", spends::rewires, 1, t + seconds(61)));
}

TEST_CASE("a principal may have limits of its own, and learns which one it met") {
  budget b({{spends::sessions, {.of_each = 5, .of_all = 3}}});
  auto why = shortage::none;
  const spending_limit one{.of_each = 1, .per_minute = 2};
  auto first = b.take("a", spends::sessions, one, why);
  CHECK(first);
  CHECK(why == shortage::none);
  CHECK(!b.take("a", spends::sessions, one, why));
  CHECK(why == shortage::of_each);
  first.give_back();
  first = b.take("a", spends::sessions, one, why);
  CHECK(first);
  CHECK(!b.take("a", spends::sessions, one, why));
  CHECK(why == shortage::per_minute);
  auto others = b.take("b", spends::sessions, 2);
  CHECK(others);
  CHECK(!b.take("c", spends::sessions, one, why));
  CHECK(why == shortage::of_all);
}

TEST_CASE("a crowd of principals costs no memory once it is gone, and threads agree") {
  budget b({{spends::sessions, {.of_each = 1, .of_all = 50}}});
  for (int i = 0; i < 1000; ++i) (void)b.take(std::to_string(i), spends::sessions);
  CHECK(b.principals() == 0);
  std::vector<std::thread> crowd;
  for (int t = 0; t < 4; ++t)
    crowd.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) (void)b.take(std::to_string(i % 7), spends::sessions);
    });
  for (auto& t : crowd) t.join();
  CHECK(b.held_by_all(spends::sessions) == 0);
  budget::share kept;
  {
    budget gone({});
    kept = gone.take("a", spends::threads);
  }
  kept.give_back();
}
