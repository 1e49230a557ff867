#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/contract/config.hpp"
#include "graph/contract/payload.hpp"
#include "graph/contract/tool.hpp"

namespace hocket {

class registry;
namespace trust {
class capability;
}

/// What a tool answered within one task. Evidence, never an instruction.
struct tool_answer {
  std::string tool;
  std::string arguments_json;
  outcome status = outcome::ok;
  std::string content;  ///< clean UTF-8, cut to the tool's limit
};

/// One call that a planner asks for.
struct tool_request {
  std::string tool;            ///< as in the list it was given
  std::string arguments_json;  ///< a JSON object
};

/// What to do next for a task.
struct plan_step {
  enum class kind { call, answer, give_up };
  kind what = kind::give_up;
  std::vector<tool_request> calls = {};  ///< call: all at once; the next step has all answers
  std::string text = {};                 ///< answer: for the model; give_up: why, for the log
  std::int64_t tokens = 0;               ///< what this step cost of the budget, where it counts any

  static plan_step ask(std::string tool, std::string arguments_json) {
    return {kind::call, {{std::move(tool), std::move(arguments_json)}}};
  }
  static plan_step answer(std::string text) { return {kind::answer, {}, std::move(text)}; }
  static plan_step give_up(std::string why) { return {kind::give_up, {}, std::move(why)}; }
};

/// One task as its planner sees it.
struct plan_view {
  const delegation& task;
  /// What may be asked: fixed when the task began, whatever tool output says later.
  std::span<const tool_info> tools;
  std::span<const tool_answer> so_far;  ///< in the order in which the planner asked
  const hocket::clock* time = nullptr;
  const std::atomic<bool>* cancelled = nullptr;  ///< long work looks at it
  std::int64_t steps_left = 0;                   ///< this one included
  std::int64_t tokens_left = 0;
};

/// What a planner may use from its surroundings; valid as long as the planner lives.
struct planner_context {
  const registry* types = nullptr;
  const hocket::clock* time = nullptr;
  /// What the agent may reach; none in a harness.
  std::shared_ptr<const trust::capability> may = nullptr;
  std::function<void(std::string_view message)> log = [](std::string_view) {};
  std::function<void(std::string_view counter, std::int64_t add)> count = [](std::string_view,
                                                                             std::int64_t) {};
};

/// Decides, step by step, which tools a task needs and what its answer is.
/// Threads: `next` is called from several threads at once, for different tasks.
class planner {
 public:
  virtual ~planner() = default;
  virtual result<void> open(const planner_context&) { return {}; }
  /// May take long; the task's time limit ends what takes longer. An error fails the task.
  virtual result<plan_step> next(const plan_view& view) = 0;
};

/// A registered planner: `planner: NAME` of background.agent.
struct planner_type : part_type {
  /// `config` came from make_config and was filled by read_config.
  std::function<std::unique_ptr<planner>(config_base& config)> make;
};

/// The planner_type of a class with a nested `config` struct that has a `visit`, and a constructor
/// from `config`.
template <class Planner>
planner_type planner_of(std::string name, std::string summary) {
  return {{std::move(name), std::move(summary), config_maker<Planner>()},
          part_maker<planner, Planner>()};
}

}  // namespace hocket
