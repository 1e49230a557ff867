#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "graph/core/clock.hpp"
#include "graph/core/result.hpp"

namespace hocket {

/// What a tool may do; the host of the tool enforces it.
struct tool_policy {
  std::int32_t time_limit_ms = 5000;
  std::size_t max_result_bytes = 16384;
  std::vector<std::string> network_hosts = {};  ///< hosts it may reach; empty: none
};

struct tool_info {
  std::string name;                    ///< "calculator"
  std::string summary;                 ///< for people and for a language model that chooses tools
  std::string parameters_json_schema;  ///< JSON Schema of the arguments object
  tool_policy policy;
};

struct tool_context {
  const hocket::clock* time = nullptr;
  /// Set when the caller no longer wants the result; long work looks at it.
  const std::atomic<bool>* cancelled = nullptr;
  /// A partial result or progress, shown to the model as it comes. May be empty.
  std::function<void(std::string_view partial)> progress;
};

/// Something the background can ask. Threads: calls may come from several threads at once.
class tool {
 public:
  virtual ~tool() = default;
  /// Arguments: a JSON object that follows the schema. The result is plain text for the model.
  virtual result<std::string> call(const std::string& arguments_json, const tool_context&) = 0;
  /// Arguments for a task in words ("seven times eight"), or "" where this is not a task for this
  /// tool: used where no language model chooses tools.
  virtual std::string match(std::string_view /*task*/) const { return ""; }
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

}  // namespace hocket
