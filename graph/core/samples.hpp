#pragma once

#include "graph/core/timestamp.hpp"

namespace hocket {

/// Index of the sample that sounds at `t`: the inverse of timestamp::of_samples, rounded to nearest.
constexpr std::int64_t sample_index(timestamp t, std::int64_t rate_hz) {
  constexpr std::int64_t second = 1'000'000'000;
  const auto whole = t.ns() >= 0 ? t.ns() / second : -((-t.ns() + second - 1) / second);
  const auto rest = t.ns() - whole * second;
  return whole * rate_hz + (rest * rate_hz + second / 2) / second;
}
static_assert(sample_index(timestamp::of_samples(12'345'677, 16000), 16000) == 12'345'677);
static_assert(sample_index(timestamp::of_ms(-20), 16000) == -320);

}  // namespace hocket
