#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "actors/host/runtime.hpp"
#include "actors/rewire/options.hpp"
#include "tools/hocket/run/commands.hpp"
#include "tools/hocket/run/revisions.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {

/// What a run begins with, and what it leaves behind for one that is started after it was killed.
///
/// A run that ended in order is over: the next one begins with the file. One that was killed, or
/// failed, goes on with its newest revision, as long as the file means what it meant then.
class run_history {
 public:
  /// Whether the other hosts' run has, or is about to have, the graph that this host agreed to.
  using ask_others = std::function<result<bool>(const newest_revision& vote)>;
  /// Reads a kept text under the rules of whoever asked for it then.
  using read_graph = std::function<result<plan>(host::graph_text&)>;

  /// `loaded` becomes the kept revision where the run is to go on with that; said on stderr. `ask` is
  /// called where this host was killed with an open vote, which stays open where that fails.
  /// Errors: apply.no_revision, those of `read` (it cannot be read any more), run.reads_otherwise (it
  /// is another host's, or a vote, and reads as another graph now), those of `ask`.
  static result<std::unique_ptr<run_history>> begin(const run_options& o, loaded_graph& loaded,
                                                    const read_graph& read, const ask_others& ask);

  int revision() const { return begins_.revision; }
  /// The run is about to start: from here on its rewires are kept. What cannot be written is warned of.
  void follow(rewire::options& how);
  /// All is open: the revisions that a run before left are not needed any more.
  void began();
  void ended(host::end_reason why);
  /// What the run's socket answers: to `graph` the text that runs, `{"file", "text", "revision", "hash"}`;
  /// to `graph N` that of revision N. "": not understood. Threads: any.
  std::string answer(const std::string& line) const;

 private:
  run_history(const run_options& o, const loaded_graph& loaded);
  result<void> settle_vote(newest_revision& left, const read_graph& read, const ask_others& ask);

  revisions kept_;
  host::graph_text file_;  ///< as given
  newest_revision begins_;
  struct revision_text {
    newest_revision number;
    host::graph_text graph;
  };
  mutable std::mutex mutex_;          ///< of `now_`
  revision_text now_;                 ///< what a restart would go on with
  std::optional<revision_text> was_;  ///< before a change that is decided, and not done yet
  bool resumes_ = false;
  bool voted_ = false;  ///< in the rewire that is under way
};

}  // namespace hocket::cli
