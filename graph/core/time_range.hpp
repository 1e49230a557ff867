#pragma once

#include <cstdint>

namespace hocket {

/// Whether nanoseconds from outside can be a time. A fifth of the range is 58 years: what is beyond is
/// a mistake or an attack, and sums of what is within do not overflow.
constexpr bool is_time(std::int64_t ns) {
  constexpr std::int64_t far = INT64_MAX / 5;
  return ns <= far && ns >= -far;
}

}  // namespace hocket
