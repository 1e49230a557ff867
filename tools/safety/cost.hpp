// What a guard costs: micro-turns of the graph as it is, and of the same with nothing done in the guard's place.
#pragma once

#include <vector>

#include "tools/report/measures.hpp"
#include "tools/safety/play.hpp"

namespace hocket::safety {

/// Milliseconds of computing between one micro-turn's sound and the next, of one run each.
struct cost_round {
  std::vector<double> with_ms, without_ms;
};

/// Runs the graph with its own model and sources in virtual time, with its guard and with one that passes
/// everything on, in turn. *Errors*: those of the host; safety.run.
result<std::vector<cost_round>> cost_of(const arena& where, int rounds,
                                        const std::string& work_dir);

/// `safety.guard_p99_ratio`: p99 with the guard over p99 without, over all rounds; low and high: the rounds'.
void add_cost(const std::vector<cost_round>& all, report::measures& out);

}  // namespace hocket::safety
