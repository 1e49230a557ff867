// Options of `hocket plan`.
#include "tools/hocket/options.hpp"
#include "tools/hocket/plan/commands.hpp"

namespace hocket::cli {

void add_plan(CLI::App& app, action& chosen) {
  static plan_options o;
  auto& sub = command(app, chosen, "plan", "Compute what a deployment needs and costs",
                      [] { return run_plan(o); });
  sub.add_option("plan", o.file, "Plan file (YAML), such as configs/plan/gigawatt.yaml")
      ->required();
  sub.add_option("--simulate", o.simulate,
                 "Sessions that come, talk and go over machines that fail")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{10'000'000}))
      ->type_name("SESSIONS");
  sub.add_option("--seed", o.seed, "Of the simulation")->capture_default_str();
  sub.add_option("--tail", o.tail_p99, "p99 of a micro-turn's time over its median, as measured")
      ->check(CLI::Range(1.0, 100.0))
      ->capture_default_str()
      ->check(finite());
  sub.add_option("--picture", o.picture, "Draw it to this file; the ending gives the format")
      ->type_name("FILE");
  add_graph_options(sub, o.how);
  add_json(sub, o.json);
}

}  // namespace hocket::cli
