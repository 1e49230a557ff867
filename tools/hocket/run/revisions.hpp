#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/rewire/report.hpp"
#include "graph/core/result.hpp"
#include "graph/trust/files.hpp"

namespace hocket::cli {

/// One line of a run's history.
struct history_line {
  std::int64_t revision = 0;  ///< that ran afterwards
  std::string time;           ///< UTC
  std::string state;          ///< started, resumed, committed, rolled_back
  std::string hash;
  std::string file;
  std::string why;     ///< rolled back
  std::string report;  ///< the whole outcome as JSON; "" for the start
};

/// What a run that has not come to its end runs, or ran when it was killed.
struct newest_revision {
  int revision = 1;
  std::string hash;
  std::string first_hash;   ///< of the file that it was started with
  std::string before = {};  ///< a vote's: the graph that the host had when it agreed
};

/// The revisions of a run, in `OUT/revisions/`: `history.jsonl`, a line for each start, rewire and
/// attempt; `0002.yaml` the text of revision 2; `0002.json` all that `--back` needs; and, until the
/// run has ended in order, `newest.json`; `voted.json` and `voted_graph.json` while a vote of this host is open.
class revisions {
 public:
  explicit revisions(const std::string& out);

  /// A run begins: what an earlier one left goes.
  result<void> start(const host::graph_text& graph, const std::string& hash);
  /// The run goes on with this from now on, also should it be killed: kept before it returns, and an
  /// open vote is settled. `durable`: after a power cut, too (other hosts count on it).
  result<void> keep(const newest_revision& r, const host::graph_text& graph, bool durable = false);
  /// This host agrees to a revision, and does not know yet whether it is decided: kept beside the
  /// newest one, also for a power cut, until keep() or forget_vote().
  result<void> keep_vote(const newest_revision& r, const host::graph_text& graph);
  void forget_vote();
  /// Removes what a killed process had half written.
  void sweep();
  struct kept_vote {
    newest_revision number;
    host::graph_text graph;
  };
  /// What a killed run had agreed to; none where nothing is open. Errors: as newest().
  result<std::optional<kept_vote>> vote() const;
  /// It has ended in order: who starts anew begins with the file.
  void end();
  /// What a killed run left; none where there is none, or it ended in order. Errors: apply.no_history
  /// (another user's), apply.not_ours (copied or unpacked there: see folder::stamp_of).
  result<std::optional<newest_revision>> newest() const;
  result<void> note(const history_line& line);

  result<std::vector<history_line>> read() const;
  result<host::graph_text> graph_of(std::int64_t revision) const;

 private:
  result<trust::folder> place() const;
  struct kept_files;
  static const kept_files newest_files, vote_files;
  result<void> write(const trust::folder& to, const kept_files& names, const newest_revision& r,
                     const host::graph_text& graph, bool durable) const;
  result<std::optional<newest_revision>> read_number(const kept_files& names) const;
  result<host::graph_text> read_graph(const std::string& file) const;

  std::string out_, dir_;
};

/// "2026-11-22T03:04:05Z"
std::string utc_now();

}  // namespace hocket::cli
