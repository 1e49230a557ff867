// A million sessions come, talk and go over machines that fail: what of the plan holds.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace hocket::planning {

struct simulation_config {
  std::uint64_t seed = 1;
  std::int64_t sessions = 1'000'000;  ///< that come in all
  int regions = 1;
  int groups_per_region = 1;    ///< device groups, spare ones included
  int groups_per_rack = 1;      ///< fail together
  int sessions_per_group = 1;   ///< admission control: never more
  double busiest_sessions = 1;  ///< wanted at once at the busiest time, in all regions
  double mean_minutes = 10;     ///< of a session; lengths are log-normal
  double length_sigma = 1;      ///< of the logarithm of the length
  double day_swing = 0.4;       ///< arrivals over a day: 1 - swing to 1, relative to the busiest
  double rack_failures_per_year = 2;  ///< of one rack
  double repair_hours = 4;
  double lost_region_at_h = -1;  ///< the first region fails then, for `repair_hours`; < 0: never
  /// Milliseconds of a micro-turn with n sessions in the group (1 to sessions_per_group).
  std::function<double(int)> micro_turn_ms;
  /// Of one micro-turn's time over its median: a log-normal tail with this p99. 1 = none.
  double tail_p99 = 1.3;
};

/// An hour of the simulation, for the picture.
struct simulated_hour {
  double sessions = 0;  ///< mean of those at once
  double refused = 0, interrupted = 0;
};

struct simulation {
  double hours = 0;
  std::int64_t served = 0;       ///< ended by themselves
  std::int64_t refused = 0;      ///< no room when they came, nowhere
  std::int64_t moved = 0;        ///< their group failed; they went on in another
  std::int64_t interrupted = 0;  ///< their group failed, and no other had room
  std::int64_t rack_failures = 0;
  double most_at_once = 0;
  double micro_turn_p50_ms = 0, micro_turn_p99_ms = 0, micro_turn_max_ms = 0;
  double drain_p99_min = 0;  ///< a group that takes nobody new any more is empty after this [min]
  std::vector<simulated_hour> by_hour;
};

/// Discrete events: arrivals (Poisson, with a daily swing; a tenth of all sessions comes before the
/// measures begin), ends, failures of racks and of a region, repairs. A session goes to the emptiest
/// group of its region, else of any other; one whose group fails goes to another at once.
/// Deterministic for a seed.
simulation simulate(const simulation_config& config);

}  // namespace hocket::planning
