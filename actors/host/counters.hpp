#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "actors/host/runtime.hpp"

namespace hocket::host {

/// Adds to a counter of a component in a row of a snapshot, which has it from then on.
inline void add_counter(actor_status& to, const std::string& name, std::int64_t n) {
  const auto it = std::find_if(to.counters.begin(), to.counters.end(),
                               [&](const auto& c) { return c.first == name; });
  if (it == to.counters.end())
    to.counters.emplace_back(name, n);
  else
    it->second += n;
}

}  // namespace hocket::host
