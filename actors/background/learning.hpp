#pragma once

#include <span>
#include <string>
#include <vector>

#include "graph/contract/payload.hpp"
#include "graph/contract/tool.hpp"
#include "graph/core/result.hpp"

namespace hocket::background {

/// A request as it should have been worked on.
struct lesson {
  struct call {
    std::string tool, arguments_json, result;
  };
  std::string task, transcript;
  std::vector<call> calls;  ///< in their order; none: it is answered at once
  std::string answer;
};

/// Lessons out of what came at the agent's input: `{"lessons": [{"task", "transcript", "calls":
/// [{"tool", "arguments", "result"}], "answer"}]}`. Errors: background.bad_lesson, naming the lesson
/// and the key.
result<std::vector<lesson>> read_lessons(const training_example& from);

/// What a planner does besides planning, if its model can learn. Threads: any.
class learner {
 public:
  virtual ~learner() = default;
  /// The file or folder of the model that adapters are loaded on; empty: not known.
  virtual std::string model_path() const { return {}; }
  /// Reads an adapter, so that `adapt` takes no time; while requests are worked on.
  virtual result<void> prepare(const adapter& a) = 0;
  /// Requests that begin from now on are worked on through this adapter; without weights: through none.
  /// Errors: language.no_adapters, lora.*; nothing has changed then.
  virtual result<void> adapt(const adapter& a) = 0;
  /// Lessons as texts that this planner's model should have written, under the prompts that it gets.
  virtual result<std::vector<training_example>> examples_of(std::span<const lesson> lessons,
                                                            std::span<const tool_info> tools,
                                                            const std::string& provenance) = 0;
};

}  // namespace hocket::background
