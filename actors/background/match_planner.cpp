#include "actors/background/match_planner.hpp"

#include "actors/background/client_functions.hpp"
#include "actors/background/function_match.hpp"
#include "actors/background/result_words.hpp"
#include "graph/contract/registry.hpp"

namespace hocket::background {

result<void> match_planner::open(const planner_context& where) {
  types_ = where.types;
  return {};
}

result<plan_step> match_planner::next(const plan_view& view) {
  if (!view.so_far.empty()) {
    const auto& last = view.so_far.back();
    if (last.status == outcome::ok)
      if (auto words = words_of_result(last.content); !words.empty())
        return plan_step::answer(std::move(words));
    return plan_step::give_up(last.tool + " gave no result");
  }
  for (const auto& tool : view.tools) {
    if (client_functions::is_one(tool.name)) {
      if (auto a = arguments_by_description(tool, view.task.task); !a.empty())
        return plan_step::ask(tool.name, std::move(a));
      continue;
    }
    const auto* words = types_ != nullptr ? types_->find_words(tool.name) : nullptr;
    if (words == nullptr) continue;
    if (auto arguments = words->arguments_for(view.task.task); !arguments.empty())
      return plan_step::ask(tool.name, std::move(arguments));
  }
  if (view.tools.size() == 1 && client_functions::is_one(view.tools[0].name) &&
      may_try(view.tools[0]))
    return plan_step::ask(view.tools[0].name, arguments_in_any_case(view.tools[0], view.task.task));
  return plan_step::give_up("no tool knows this task");
}

bool match_planner::may_try(const tool_info& function) {
  if (takes_whole_task(function)) return true;
  const std::lock_guard lock(mutex_);
  return tried_.insert(function.name + function.parameters_json_schema).second;
}

}  // namespace hocket::background
