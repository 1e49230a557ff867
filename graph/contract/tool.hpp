#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graph/core/clock.hpp"
#include "graph/core/result.hpp"

namespace hocket {

/// What a tool may cost, and what it says of itself. Who calls it enforces the two limits; the hosts
/// are the tool's own word, shown to people: it runs inside the process that calls it.
struct tool_policy {
  std::int32_t time_limit_ms = 5000;            ///< of each call
  std::size_t max_result_bytes = 16384;         ///< more is cut, and says so
  std::vector<std::string> network_hosts = {};  ///< hosts it says it reaches; empty: none
};

struct tool_info {
  std::string name;                    ///< "calculator"; of another source: as that one calls it
  std::string summary;                 ///< for people and for a language model that chooses tools
  std::string parameters_json_schema;  ///< JSON Schema of the arguments object
  tool_policy policy = {};
};

struct tool_context {
  const hocket::clock* time = nullptr;
  /// Set when the caller no longer wants the result; long work looks at it.
  const std::atomic<bool>* cancelled = nullptr;
  /// A partial result or progress, shown as it comes. May be empty.
  std::function<void(std::string_view partial)> progress = {};
};

/// Something the background can ask. Threads: calls may come from several threads at once.
class tool {
 public:
  virtual ~tool() = default;
  /// Arguments: a JSON object that follows the schema. The result is plain text for the model.
  virtual result<std::string> call(const std::string& arguments_json, const tool_context&) = 0;
};

struct tool_type {
  tool_info info;
  std::function<std::unique_ptr<tool>()> make;
};

/// The tool_type of a class with a static `info()` and a default constructor.
template <class Tool>
tool_type tool_of() {
  return {Tool::info(), [] { return std::make_unique<Tool>(); }};
}

/// Which tasks in words a tool knows: for planners that no language model helps (`planner: match`).
struct tool_words {
  std::string tool;  ///< as a graph names it: "calculator", "files.read"
  /// Arguments (a JSON object) for a task ("seven times eight"), or "" where it is none for the
  /// tool. Threads: any, several at once.
  std::function<std::string(std::string_view task)> arguments_for;
};

}  // namespace hocket
