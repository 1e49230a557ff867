#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// How an alert stands in a run's status: as counters of its actor.
namespace hocket::alerts {

inline constexpr std::string_view active_counter = "active", raised_counter = "raised";

struct row {
  bool is_active = false;
  std::int64_t raised = 0;  ///< how often
};

inline row row_of(const std::vector<std::pair<std::string, std::int64_t>>& counters) {
  row out;
  for (const auto& [name, n] : counters) {
    if (name == active_counter) out.is_active = n > 0;
    if (name == raised_counter) out.raised = n;
  }
  return out;
}

}  // namespace hocket::alerts
