#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "actors/host/runtime.hpp"

namespace hocket::host {

/// The sum, or the end of the range that it would leave.
inline std::int64_t saturated_sum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? INT64_MAX : INT64_MIN;
}

/// Adds to a counter of a component in a row of a snapshot, which has it from then on.
inline void add_counter(actor_status& to, const std::string& name, std::int64_t n) {
  const auto it = std::find_if(to.counters.begin(), to.counters.end(),
                               [&](const auto& c) { return c.first == name; });
  if (it == to.counters.end())
    to.counters.emplace_back(name, n);
  else
    it->second = saturated_sum(it->second, n);
}

}  // namespace hocket::host
