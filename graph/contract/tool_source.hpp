#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graph/contract/config.hpp"
#include "graph/contract/tool.hpp"

namespace hocket {

class registry;
namespace trust {
class capability;
}

/// What a source may use from its surroundings; valid until close() returned.
struct tool_source_context {
  std::string name;                     ///< as the graph calls it: "files"
  const hocket::clock* time = nullptr;  ///< stream time; may be virtual
  /// What the actor that asks may reach, and the only way to files; none in a harness.
  std::shared_ptr<const trust::capability> may = nullptr;
  /// To be called, from any thread, when list() has become another one.
  std::function<void()> changed = [] {};
  /// One line for the event log; never speech, arguments or results.
  std::function<void(std::string_view message)> log = [](std::string_view) {};
  /// Adds to a counter of the actor that asks the tools.
  std::function<void(std::string_view counter, std::int64_t add)> count = [](std::string_view,
                                                                             std::int64_t) {};
};

/// Where tools come from: plugins, a server, a device. What there is may change at run time.
///
/// Threads: open() and close() come from the actor, list() too; call() from several threads at once,
/// and one that was given up may still be in it when the source closes: it then returns soon.
/// Memory: callers share ownership, so the source outlives its calls.
class tool_source {
 public:
  virtual ~tool_source() = default;
  /// Connects to what it needs; bounded in time. Errors fail the start, with the source named.
  virtual result<void> open(const tool_source_context&) { return {}; }
  /// What can be asked now, under the source's own names ("read_file"); from memory, at once.
  virtual result<std::vector<tool_info>> list() = 0;
  /// Arguments: a JSON object. The result is plain text, whatever bytes it came as.
  virtual result<std::string> call(const std::string& tool, const std::string& arguments_json,
                                   const tool_context&) = 0;
  virtual void close() {}
};

/// A registered kind of source.
struct tool_source_type : part_type {
  /// The names of its tools, where they are known before anything runs; else found at open.
  std::vector<std::string> tools = {};
  /// `config` came from make_config and was filled by read_config.
  std::function<std::unique_ptr<tool_source>(config_base& config)> make;
};

/// The tool_source_type of a class with a nested `config` struct that has a `visit`, and a
/// constructor from `config`.
template <class Source>
tool_source_type source_of(std::string name, std::string summary,
                           std::vector<std::string> tools = {}) {
  return {{std::move(name), std::move(summary), config_maker<Source>()},
          std::move(tools),
          part_maker<tool_source, Source>()};
}

/// The tools of plugins as one source; its list never changes. `types` must outlive it.
std::unique_ptr<tool_source> plugin_tools(const registry& types);

}  // namespace hocket
