// What a grown-up may set for conversations of minors, and what he set.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/policy/hours.hpp"
#include "graph/core/result.hpp"

namespace hocket::policy {

/// `grown_up:` of a policy: without it nobody may set anything.
struct grown_up_bounds {
  double shortest_min = 0, longest_min = 0;  ///< of a conversation; both 0: it is the policy's
  bool hours = false, recordings = false, leave = false;
  std::vector<std::string> topics;  ///< of those for minors: he may allow them

  bool has_any() const {
    return longest_min > 0 || hours || recordings || leave || !topics.empty();
  }
};

/// What holds in a conversation; where he set nothing, the policy's own.
struct grown_up_settings {
  std::optional<double> length_min;
  std::optional<day_span> hours;  ///< outside of them nobody talks
  std::string hours_text;
  std::set<std::string> topics;  ///< allowed
  bool recordings = true;
  bool leaves = false;  ///< this conversation is of the mode no more
};

/// Reads what is to be changed: `{"length_min": 30, "hours": "07:00-20:00", "topics": ["alcohol"], "recordings": false,
/// "leave": true}`, each of them optional; `null` takes one back. All of it holds, or none.
/// Errors: policy.bad_setting: what the policy does not let him set, or beyond its bounds.
result<grown_up_settings> changed(grown_up_settings now, const nlohmann::json& wanted,
                                  const grown_up_bounds& may, bool knows_time);
nlohmann::json to_json(const grown_up_settings& s);
nlohmann::json to_json(const grown_up_bounds& b, bool knows_time);

}  // namespace hocket::policy
