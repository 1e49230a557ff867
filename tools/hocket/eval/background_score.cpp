#include "tools/hocket/eval/background_score.hpp"

#include <fmt/format.h>

namespace hocket::cli {

void background_score::add_to(report::measures& out, const std::string& planner) const {
  const auto share = [](std::int64_t part, std::int64_t all) {
    return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
  };
  const auto name = "background." + planner + ".";
  out.add(name + "f1", f1(), "ratio", expected);
  out.add(name + "exact_arguments", exact_share(), "ratio", expected);
  out.add(name + "pass1", pass(), "ratio", cases);
  out.add(name + "wrong_calls", share(wrong, cases), "per request", cases);
  out.add(name + "failed", share(without_end, cases), "ratio", cases);
}

void run_case(planner& plan, const background_case& c, std::span<const tool_info> tools,
              std::uint64_t request, std::int64_t steps, background_score& score,
              nlohmann::json* told) {
  delegation task;
  task.request = request;
  task.task = c.task;
  task.transcript = c.transcript;
  std::vector<tool_answer> so_far;
  std::vector<trainer::made_call> made;
  bool failed = false;
  for (auto left = steps; left > 0; --left) {
    const auto step = plan.next({task, tools, so_far, nullptr, nullptr, left, INT64_MAX / 2});
    if (!step) failed = true;
    if (told && !step) (*told)["error"] = step.error().message;
    if (told && step && step->what != plan_step::kind::call) (*told)["said"] = step->text;
    if (!step || step->what != plan_step::kind::call) break;
    score.tokens += step->tokens;
    for (const auto& call : step->calls) {
      made.push_back({call.tool, call.arguments_json});
      if (told)
        (*told)["calls"].push_back({{"tool", call.tool}, {"arguments", call.arguments_json}});
      so_far.push_back({call.tool, call.arguments_json, outcome::ok, "done"});
    }
  }
  score.add(labelled(c), made, failed);
  score.without_end += failed ? 1 : 0;
}

}  // namespace hocket::cli
