// The file that `hocket plan` reads: who computes, on what, for how many.
#pragma once

#include <string>
#include <vector>

#include "tools/plan/machine.hpp"
#include "tools/plan/shape.hpp"

namespace hocket::planning {

/// How many sessions, how long, and what may fail.
struct demand final : config_base {
  double sessions = 0;          ///< at once, at the busiest time
  double megawatts = 0;         ///< instead: as many as this power carries
  double mean_share = 0.6;      ///< sessions over the day / at the busiest time
  double session_minutes = 10;  ///< mean length; what a micro-turn reads of the past
  double longest_minutes = 60;  ///< what each session has memory for
  std::int64_t regions = 1;
  std::int64_t lost_regions = 0;       ///< that the others must be able to carry
  std::int64_t machines_per_rack = 8;  ///< a rack fails as a whole
  std::int64_t spare_racks = 1;        ///< of a region
  double deadline_share =
      0.6;  ///< of the micro-turn for computing; the rest is sound, links, tails
  double power_overhead = 1.2;  ///< cooling and losses: power of the site / of its machines
  void visit(config_visitor& v) override;
};

/// One model at work. With `requests_per_minute` it answers requests of each session (a background
/// model); without, it computes every micro-turn.
struct workload final : config_base {
  std::string name;
  std::string shape_path, machine_name;
  std::int64_t devices = 0;  ///< that share the model; 0 = the number with the most sessions each
  double requests_per_minute = 0, prompt_tokens = 2000, answer_tokens = 200;
  double tokens_per_s = 20;  ///< that each answer must come with
  model_shape shape;
  machine on;
  void visit(config_visitor& v) override;
};

struct plan_file {
  std::string path, name, graph;  ///< graph: path; "" = none
  std::vector<workload> models;
  demand need;
  std::vector<std::string> assumptions;  ///< what the file says is not known
};

/// Reads a plan; paths in it are relative to the file. All findings are collected; usable when none is
/// an error. *Errors* (findings): plan.file, plan.shape, plan.machine, plan.demand, those of the YAML
/// and config readers.
plan_file read_plan(const std::string& path, diagnostics& findings);

}  // namespace hocket::planning
