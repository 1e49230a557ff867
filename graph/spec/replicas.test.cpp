#include "graph/spec/replicas.hpp"

#include <doctest/doctest.h>
#include <vector>

using namespace hocket;

TEST_CASE("replica_for: shares are even, and one replica more moves only its own") {
  constexpr int sessions = 20'000;
  for (const std::int32_t n : {2, 3, 5, 8}) {
    std::vector<int> share(static_cast<std::size_t>(n) + 1, 0);
    int moved = 0;
    for (int s = 1; s <= sessions; ++s) {
      const auto id = static_cast<session_id>(s);
      const auto before = replica_for(id, "model", n), after = replica_for(id, "model", n + 1);
      REQUIRE(before >= 0);
      REQUIRE(before < n);
      ++share[static_cast<std::size_t>(before)];
      if (before == after) continue;
      CHECK(after == n);  // nobody changes between old replicas
      ++moved;
    }
    for (std::int32_t r = 0; r < n; ++r) {
      CAPTURE(n);
      CHECK(share[static_cast<std::size_t>(r)] > sessions / n * 6 / 10);
      CHECK(share[static_cast<std::size_t>(r)] < sessions / n * 15 / 10);
    }
    CHECK(moved > sessions / (n + 1) * 6 / 10);
    CHECK(moved < sessions / (n + 1) * 15 / 10);
  }
  CHECK(replica_for(session_id{7}, "model", 1) == 0);
}
