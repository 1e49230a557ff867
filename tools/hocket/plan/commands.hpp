// The command that computes what a deployment costs.
#pragma once

#include <cstdint>
#include <string>

#include "tools/hocket/commands.hpp"

namespace hocket::cli {

struct plan_options {
  std::string file;
  std::int64_t simulate = 0;  ///< sessions of a simulated day; 0: none
  std::uint64_t seed = 1;
  double tail_p99 = 1.3;  ///< p99 of a micro-turn over its median
  std::string picture;    ///< "": none
  graph_options how;      ///< of the plan's graph
  bool json = false;
};
int run_plan(const plan_options&);

}  // namespace hocket::cli
