// The table of measures: name, families, statistic, target, definition.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/hocket/measures.hpp"

namespace hocket::duplex {

enum class statistic_of : std::uint8_t {
  mean,
  p50,
  p90,
  p95,
  macro,  ///< mean of the families' means (or of the keys', where several are named)
};

inline constexpr const char* any_family = "*";

struct measure_rule {
  const char* name;
  std::vector<const char*> families;  ///< any_family alone: all of them
  std::vector<const char*> keys;      ///< of scored::values; several: one group each
  statistic_of how = statistic_of::mean;
  const char* unit = "";
  std::optional<double> target = {};
  cli::goal good = cli::goal::none;
  const char* what = "";
  bool per_voice = false;  ///< also over flite's items alone
};

/// In the order of the report: turns first (rules_turns.cpp), the voice around an overlap and
/// what the clock cost (rules_voice.cpp), then the rest (rules_more.cpp).
const std::vector<measure_rule>& turn_rules();
const std::vector<measure_rule>& voice_rules();
const std::vector<measure_rule>& more_rules();

}  // namespace hocket::duplex
