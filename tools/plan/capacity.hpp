// How many sessions devices carry, and how many devices a demand needs.
#pragma once

#include <string>
#include <vector>

#include "tools/plan/cost.hpp"
#include "tools/plan/plan_file.hpp"

namespace hocket::planning {

/// What one group of devices that share a model carries.
struct group_capacity {
  std::int64_t devices = 1;
  double sessions = 0;   ///< a whole number; 0: not even one
  double in_memory = 0;  ///< sessions or requests whose keys and values it holds at once
  bound binding = bound::bandwidth;
  micro_turn_cost cost;   ///< of one micro-turn with all of them
  double weight_gb = 0;   ///< of the model
  double session_gb = 0;  ///< of one session, at its longest
  double memory_gb = 0;   ///< usable, of the group
};

/// Sessions that keep the deadline and fit in memory, on `devices` devices.
/// A model that answers requests: sessions whose requests it keeps up with.
group_capacity capacity_of(const workload& w, const demand& need, std::int64_t devices);

/// The group size (1, 2, 4, … up to a machine) with the most sessions per device, or `w.devices`.
group_capacity best_capacity(const workload& w, const demand& need);

/// What a workload needs in all regions.
struct fleet {
  std::string model, on;
  group_capacity group;
  double groups_per_machine = 0;
  double machines = 0;  ///< in all regions, spare ones included
  double spare_machines = 0;
  double megawatts = 0;
  double eur_per_hour = 0;
  double lost_sessions = 0;  ///< what one lost rack interrupts
};

struct deployment {
  double sessions = 0;  ///< that it carries at once; of the demand, or of its megawatts
  std::vector<fleet> fleets;
  double machines = 0, megawatts = 0, eur_per_hour = 0;
  double eur_per_session_hour = 0;
  std::vector<std::string> impossible;  ///< why there is no plan; then nothing else is meant
};

deployment deploy(const plan_file& plan);

}  // namespace hocket::planning
