#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/host/rewire.hpp"
#include "graph/core/result.hpp"

namespace hocket::cli {

/// One line of a run's history.
struct history_line {
  std::int64_t revision = 0;  ///< that ran afterwards
  std::string time;           ///< UTC
  std::string state;          ///< started, committed, rolled_back
  std::string hash;
  std::string file;
  std::string why;     ///< rolled back
  std::string report;  ///< the whole outcome as JSON; "" for the start
};

/// The revisions of a run, in `OUT/revisions/`: `history.jsonl`, a line for each start, rewire and
/// attempt; `0002.yaml` the text of revision 2; `0002.json` all that `--back` needs.
class revisions {
 public:
  explicit revisions(const std::string& out);

  /// A run begins: what an earlier one left goes.
  result<void> start(const host::graph_text& graph, const std::string& hash);
  result<void> note(const history_line& line, const host::graph_text& graph);

  result<std::vector<history_line>> read() const;
  result<host::graph_text> graph_of(std::int64_t revision) const;

 private:
  std::string dir_;
};

/// "2026-11-22T03:04:05Z"
std::string utc_now();

}  // namespace hocket::cli
