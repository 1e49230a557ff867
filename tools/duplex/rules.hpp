// The measures of the report: name, families, statistic, target, definition.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/result.hpp"
#include "tools/report/measures.hpp"

namespace hocket::duplex {

enum class statistic_of : std::uint8_t {
  mean,
  p50,
  p90,
  p95,
  macro,  ///< mean of the families' means (or of the keys', where several are named)
};

inline constexpr std::string_view any_family = "*";

struct measure_rule {
  std::string name;
  std::vector<std::string> families;  ///< any_family alone: all of them
  std::vector<std::string> keys;      ///< of scored::values; several: one group each
  statistic_of how = statistic_of::mean;
  std::string unit;
  std::optional<double> target;
  report::goal good = report::goal::none;
  bool per_voice = false;  ///< also over flite's items alone
  std::string what;
};

/// The rows of rules.table, in the order of the report.
const std::vector<measure_rule>& rules();

/// Reads such a table. *Errors*: duplex.rules, with the line.
result<std::vector<measure_rule>> read_rules(std::string_view table);

}  // namespace hocket::duplex
