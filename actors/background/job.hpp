#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "actors/background/planner.hpp"

namespace hocket::background {

/// How a task ended: the answer in words for the model, or why there is none.
struct job_end {
  outcome status = outcome::ok;
  std::string text;
};

/// What a task reports while it runs, in order; `job_end` is the last.
using job_event = std::variant<tool_call, tool_result, text, job_end>;

/// One delegated task. Shared between the actor and the thread that works on it.
struct job {
  delegation task;
  std::atomic<bool> cancelled{false};
  /// monotonic_ns() at which the tool at work has used up its time limit; 0 while none is at work.
  std::atomic<std::int64_t> call_deadline_ns{0};
};

/// What all tasks of an agent share; outlives the agent while a thread still needs it.
struct workshop {
  std::shared_ptr<planner> plan;
  std::vector<tool_entry> tools;
  const clock* time = nullptr;
  int max_steps = 4;
  bool deliver_late = false;  ///< a tool that used up its time may still answer
  std::atomic<std::uint64_t> next_call{1};
};

/// Works a task through: plan, call, plan, … answer. Exceptions of tools and planners become failed
/// results. Threads: any; `report` is called from the same one.
void work(job& j, workshop& shop, const std::function<void(job_event)>& report);

}  // namespace hocket::background
