#include "actors/background/match_planner.hpp"

#include "graph/contract/registry.hpp"

namespace hocket::background {

result<void> match_planner::open(const planner_context& where) {
  types_ = where.types;
  return {};
}

result<plan_step> match_planner::next(const plan_view& view) {
  if (!view.so_far.empty()) {
    const auto& last = view.so_far.back();
    if (last.status == outcome::ok && !last.content.empty()) return plan_step::answer(last.content);
    return plan_step::give_up(last.tool + " gave no result");
  }
  for (const auto& tool : view.tools) {
    const auto* words = types_ != nullptr ? types_->find_words(tool.name) : nullptr;
    if (words == nullptr) continue;
    if (auto arguments = words->arguments_for(view.task.task); !arguments.empty())
      return plan_step::ask(tool.name, std::move(arguments));
  }
  return plan_step::give_up("no tool knows this task");
}

}  // namespace hocket::background
