// hocket plan: memory, time, machines, watts and money for a demand; a simulated day; a picture.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/hocket/plan/commands.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"
#include "tools/plan/plan_report.hpp"

namespace hocket::cli {

int run_plan(const plan_options& o) {
  planning::plan_report report;
  diagnostics findings;
  report.plan = planning::read_plan(o.file, findings);
  findings.sort();
  if (print_findings(findings) != exit_fine ||
      refuse_overwriting(o.picture, "hocket plan --picture",
                         {{o.file, "the plan"}, {report.plan.graph, "its graph"}}) != exit_fine)
    return exit_bad_input;
  if (!report.plan.graph.empty()) {
    const auto types = known_types_and(o.how.plugins);
    if (!types) return complain(types.error(), exit_bad_input);
    const auto loaded = load_graph(report.plan.graph, *types, o.how);
    if (print_findings(loaded.findings) != exit_fine || !loaded.graph) return exit_bad_input;
    report.links = planning::links_between_hosts(*loaded.graph);
  }
  report.result = planning::deploy(report.plan);
  const bool possible = report.result.impossible.empty();
  if (possible && o.simulate > 0) {
    auto config = planning::simulation_of(report, o.simulate, report.slice);
    if (config) {
      config->seed = o.seed, config->tail_p99 = o.tail_p99;
      report.simulated_as = *config;
      report.simulated = planning::simulate(*report.simulated_as);
    }
  }
  say("{}", o.json ? planning::to_json(report).dump(2) + "\n" : planning::to_text(report));
  if (!o.picture.empty())
    if (const auto drawn = planning::draw_plan(report, o.picture); !drawn)
      return complain(drawn.error(), exit_bad_input);
  return possible ? exit_fine : exit_failed;
}

}  // namespace hocket::cli
