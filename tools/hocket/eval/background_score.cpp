#include "tools/hocket/eval/background_score.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace hocket::cli {

double background_score::f1() const {
  const auto all = expected + made;
  return all == 0 ? 1 : 2.0 * static_cast<double>(right_tool) / static_cast<double>(all);
}

void background_score::add_to(report::measures& out, const std::string& planner) const {
  const auto share = [](std::int64_t part, std::int64_t all) {
    return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
  };
  const auto name = "background." + planner + ".";
  out.add(name + "f1", f1(), "ratio", expected);
  out.add(name + "exact_arguments", share(exact, expected), "ratio", expected);
  out.add(name + "pass1", share(passed, cases), "ratio", cases);
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
  std::vector<bool> met(c.calls.size(), false), exact(c.calls.size(), false);
  std::int64_t wrong = 0;
  bool failed = false;
  for (auto left = steps; left > 0; --left) {
    const auto step = plan.next({task, tools, so_far, nullptr, nullptr, left, INT64_MAX / 2});
    if (!step) failed = true;
    if (told && !step) (*told)["error"] = step.error().message;
    if (told && step && step->what != plan_step::kind::call) (*told)["said"] = step->text;
    if (!step || step->what != plan_step::kind::call) break;
    score.tokens += step->tokens;
    for (const auto& call : step->calls) {
      ++score.made;
      if (told)
        (*told)["calls"].push_back({{"tool", call.tool}, {"arguments", call.arguments_json}});
      const auto arguments = nlohmann::json::parse(call.arguments_json, nullptr, false);
      std::size_t best = c.calls.size();
      for (std::size_t i = 0; i < c.calls.size(); ++i)
        if (!met[i] && c.calls[i].tool == call.tool) best = i;
      if (best == c.calls.size()) {
        ++wrong;
      } else {
        met[best] = true;
        exact[best] = trainer::same_arguments(c.calls[best].arguments, arguments);
      }
      so_far.push_back({call.tool, call.arguments_json, outcome::ok, "done"});
    }
  }
  ++score.cases;
  score.expected += static_cast<std::int64_t>(c.calls.size());
  score.right_tool += std::ranges::count(met, true);
  score.exact += std::ranges::count(exact, true);
  score.wrong += wrong;
  score.without_end += failed ? 1 : 0;
  score.passed +=
      !failed && wrong == 0 && std::ranges::all_of(exact, [](bool e) { return e; }) ? 1 : 0;
}

}  // namespace hocket::cli
