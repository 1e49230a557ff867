#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/host/fwd.hpp"
#include "graph/core/result.hpp"
#include "graph/core/timestamp.hpp"
#include "graph/spec/rewire.hpp"

namespace hocket::host {

/// A graph file as text, with the files that it includes, by path: so it can travel.
struct graph_text {
  std::string file;
  std::string text;
  std::map<std::string, std::string> includes = {};
  /// The host that asked for it; "": somebody on this machine. Does not travel: the receiver knows.
  std::string from = {};
  /// Plugins that it needs beside those that it names, as paths; the run decides whether it loads them.
  /// Of this host alone: they do not travel.
  std::vector<std::string> plugins = {};
  /// It is only looked at: nothing is loaded for it.
  bool only_looked_at = false;
  /// What the plan that is made of it points into, where that is not what the run began with.
  std::shared_ptr<const registry> types = {};
};

struct rewire_request {
  graph_text graph;
  /// Commit at the first micro-turn boundary at or after this stream time.
  timestamp not_before = timestamp::min();
  bool dry_run = false;       ///< say what would change; touch nothing
  int prepare_limit_s = 120;  ///< how long opening the new actors may take
  /// "", 0: whatever; a change of another revision than the one that runs by then is refused.
  std::string hash = {};  ///< between hosts: what the text must read as
  int revision = 0;       ///< the number that it gets: it is a change of the one before
};

enum class rewire_state : std::uint8_t {
  refused,      ///< the new file is wrong, or the run cannot become it: nothing was touched
  unchanged,    ///< the new graph is the one that runs
  planned,      ///< dry run: it could be done
  rolled_back,  ///< something failed while preparing; the old graph went on all the time
  committed,
};
std::string_view to_string(rewire_state s);

/// What became of the packets that were queued on one link.
struct rewire_link_report {
  std::string link;
  std::uint64_t handed_over = 0;  ///< to the queue in front of the new instance
  std::uint64_t dropped = 0;      ///< reason `rewired`
};

/// What a rewire did, for a person and for the history.
struct rewire_outcome {
  rewire_state state = rewire_state::refused;
  std::string graph;
  int revision = 0;  ///< that runs now; the one a run starts with is 1
  std::string hash_before, hash_after;
  timestamp at;  ///< the boundary
  double prepared_ms = 0;
  double settled_ms = 0;  ///< from the boundary until all that left had closed
  std::string host;       ///< where it failed; "" = here, or nowhere
  std::string code, why;  ///< refused, rolled back
  std::vector<actor_change> actors;
  std::vector<link_change> links;
  std::vector<std::string> others;
  std::size_t actors_kept = 0, links_kept = 0;
  std::vector<rewire_link_report> packets;
  std::vector<std::string> notes;
};

/// What a run needs of the one that changes its graph. Without it the run cannot be rewired.
///
/// Threads: any.
class run_changes {
 public:
  virtual ~run_changes() = default;
  /// Errors: what was asked for cannot be done in this run.
  virtual result<void> check_options() const = 0;
  /// Holds virtual time where the first planned rewire comes.
  virtual void before_start() = 0;
  /// The sources go: follows the planned rewires.
  virtual void started() = 0;
  /// Changes the graph on all hosts; waits until it is done.
  virtual rewire_outcome change(const rewire_request& request) = 0;
  /// The answer to a line of the status socket; "": not understood.
  virtual std::string answer(const std::string& line) = 0;
  /// A retiring cell has closed, or is lost. Called on its own thread.
  virtual void retired(actor_cell& c) = 0;
  /// Prepared cells, which nothing else knows: they may hang.
  virtual void add_prepared(std::vector<std::shared_ptr<actor_cell>>& cells) const = 0;
  /// Takes no more requests of other processes, and waits for theirs.
  virtual void close_requests() = 0;
  /// The run is over: waits for what is under way, which ends.
  virtual void finish() = 0;
};

}  // namespace hocket::host
