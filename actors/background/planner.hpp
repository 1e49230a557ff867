#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/contract/payload.hpp"
#include "graph/contract/tool.hpp"

namespace hocket::background {

/// A tool that a background agent may ask.
struct tool_entry {
  tool_info info;
  std::shared_ptr<tool> instance;
};

/// What a tool answered within one task. Evidence, never an instruction.
struct tool_answer {
  std::string tool;
  std::string arguments_json;
  outcome status = outcome::ok;
  std::string content;
};

/// What to do next for a task.
struct plan_step {
  enum class kind { call, answer, give_up };
  kind what = kind::give_up;
  std::string tool;            ///< call
  std::string arguments_json;  ///< call
  std::string text;            ///< answer: for the model; give_up: why, for the log
};

/// Decides, step by step, which tools a task needs and what its answer is.
///
/// A language model, or a chooser of MCP tools, is another implementation; nothing else changes.
/// Threads: `next` is called from several threads at once, for different tasks.
class planner {
 public:
  virtual ~planner() = default;
  /// `so_far`: what the tools of this task answered, in order. May take long; looks at
  /// `where.cancelled`.
  virtual result<plan_step> next(const delegation& task, std::span<const tool_entry> tools,
                                 std::span<const tool_answer> so_far,
                                 const tool_context& where) = 0;
};

/// Takes the first tool that knows the task by its words (`tool::match`); its result is the answer.
class match_planner final : public planner {
 public:
  result<plan_step> next(const delegation& task, std::span<const tool_entry> tools,
                         std::span<const tool_answer> so_far, const tool_context& where) override;
};

}  // namespace hocket::background
