#include "actors/background/match_planner.hpp"

#include "actors/background/client_functions.hpp"
#include "actors/background/function_match.hpp"
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
  // An app with one function and nothing else takes all that comes.
  if (view.tools.size() == 1 && client_functions::is_one(view.tools[0].name))
    return plan_step::ask(view.tools[0].name, arguments_in_any_case(view.tools[0], view.task.task));
  return plan_step::give_up("no tool knows this task");
}

}  // namespace hocket::background
