#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/background/client_functions.hpp"
#include "graph/contract/component.hpp"
#include "graph/contract/tool_source.hpp"

namespace hocket::background {

/// A tool that an agent may ask.
struct tool_entry {
  tool_info info;                       ///< under the graph's name for it: "clock", "files.read"
  std::shared_ptr<tool_source> source;  ///< that has it
  std::string own_name;                 ///< how the source calls it
  std::shared_ptr<client_functions> app = {};  ///< instead of a source: the app that offered it
};

/// What can be asked at one moment; a task keeps the one that it began with.
struct tool_list {
  std::vector<tool_entry> entries;  ///< in the order of the graph's `tools:`
  std::vector<tool_info> infos;     ///< the same, for planners

  const tool_entry* find(std::string_view name) const;
};

/// The tools that a graph names, out of the sources that have them.
///
/// Threads: open, refresh and close come from the actor; `now` from any.
class toolbox {
 public:
  toolbox() = default;
  toolbox(const toolbox&) = delete;
  toolbox& operator=(const toolbox&) = delete;
  /// Opens the sources that `wanted` names: "clock" (of a plugin), "*" (all of plugins),
  /// "files.read", "files.*". A source that is not in `sources` is one of that type with its
  /// defaults. `changed` is called from any thread when a source has other tools.
  /// Errors: background.no_such_source, background.source_failed, background.no_such_tool (saying
  /// what there is).
  result<void> open(const std::vector<std::string>& wanted, const named_parts& sources,
                    const context& where, std::function<void()> changed);
  /// Asks the sources again what they have. What went is told in the event log.
  void refresh();
  /// What the app offers, instead of what it offered before. `alone`: nothing else can be asked then;
  /// with no functions the graph's own can, unless it wants `no_calls`.
  void offer(std::vector<tool_info> functions, std::shared_ptr<client_functions> app, bool alone,
             bool no_calls = false);
  std::shared_ptr<const tool_list> now() const;
  void close();
  ~toolbox() { close(); }

 private:
  struct opened_source {
    std::string name;  ///< "" for plugins
    std::string type;
    std::shared_ptr<tool_source> source;
    std::vector<tool_info> has;
  };
  result<void> add_source(const std::string& name, const named_parts& sources, const context& where,
                          const std::function<void()>& changed);
  void ask(opened_source& s);
  /// `missing`: the first name that no source has.
  std::shared_ptr<const tool_list> choose(error& missing) const;
  void change_to(std::shared_ptr<const tool_list> chosen, bool is_logged = true);

  std::vector<std::string> wanted_;
  std::vector<opened_source> sources_;
  std::vector<tool_entry> offered_;  ///< by the app
  bool offered_alone_ = false, no_calls_ = false;
  int offers_logged_ = 0;
  std::function<void(std::string_view)> log_;
  mutable std::mutex mutex_;
  std::shared_ptr<const tool_list> now_ = std::make_shared<tool_list>();
};

}  // namespace hocket::background
