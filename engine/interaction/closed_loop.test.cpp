#include <doctest/doctest.h>

#include "engine/interaction/closed_loop.hpp"

using namespace hocket::engine;

TEST_CASE("words are matched one to one, nearest in order, within the tolerance") {
  using v = std::vector<std::int64_t>;
  CHECK(match_times(v{5}, v{6}, 1) == v{0});
  CHECK(match_times(v{5}, v{7}, 1) == v{-1});
  CHECK(match_times(v{1, 2, 3}, v{2, 3, 4}, 1) == v{0, 1, 2});
  CHECK(match_times(v{1, 2}, v{2}, 1) == v{0, -1});
  CHECK(match_times(v{5, 5}, v{4, 6}, 1) == v{0, 1});
  CHECK(match_times(v{}, v{1}, 1).empty());
}
