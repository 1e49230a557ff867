// A plan in words, as JSON and as a picture.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "graph/core/result.hpp"
#include "tools/plan/capacity.hpp"
#include "tools/plan/links.hpp"
#include "tools/plan/simulate.hpp"

namespace hocket::planning {

/// Everything that `hocket plan` found out.
struct plan_report {
  plan_file plan;
  deployment result;
  std::vector<host_link> links;
  std::optional<simulation_config> simulated_as;
  std::optional<simulation> simulated;
  double slice = 1;  ///< share of the fleet that was simulated
};

/// 1234567 -> "1.23 M".
std::string short_number(double n);

std::string to_text(const plan_report& r);
nlohmann::ordered_json to_json(const plan_report& r);

/// Where a micro-turn's time and a device's memory go, and the simulated day.
/// path ends in .svg or .png. *Errors*: those of the canvas.
result<void> draw_plan(const plan_report& r, const std::string& path);

/// What of the deployment is simulated: its first model that computes micro-turns, as large a slice as
/// `sessions` sessions fill for 30 hours. Nothing where there is no such model.
std::optional<simulation_config> simulation_of(const plan_report& r, std::int64_t sessions,
                                               double& slice);

}  // namespace hocket::planning
