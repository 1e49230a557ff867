#include "actors/background/planner.hpp"

namespace hocket::background {

result<plan_step> match_planner::next(const delegation& task, std::span<const tool_entry> tools,
                                      std::span<const tool_answer> so_far, const tool_context&) {
  if (!so_far.empty()) {
    const auto& last = so_far.back();
    const bool ok = last.status == outcome::ok && !last.content.empty();
    return plan_step{ok ? plan_step::kind::answer : plan_step::kind::give_up, "", "",
                     ok ? last.content : last.tool + " gave no result"};
  }
  for (const auto& tool : tools)
    if (auto arguments = tool.instance->match(task.task); !arguments.empty())
      return plan_step{plan_step::kind::call, tool.info.name, std::move(arguments), ""};
  return plan_step{plan_step::kind::give_up, "", "", "no tool knows this task"};
}

}  // namespace hocket::background
