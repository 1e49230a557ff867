#pragma once

#include <string>
#include <vector>

#include "actors/host/run_changes.hpp"
#include "tools/hocket/run/live_types.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {

/// What other hosts may have this one do when they change the graph: an own list per host, which its
/// operator gives with `--allow FILE`:
///
///     peer:
///       components: [audio.*, text.console]
///       elements: [autoaudiosrc]        # beside those that compute and decode
///       folders: [models]
///
/// Without a file: all built-in components, elements that compute and decode, and what this host's own
/// graph names already.
struct peer_rules {
  trust::policy may;
  std::string host;
  std::string folder;                 ///< of this host's own graph file
  std::vector<std::string> rewirers;  ///< hosts that the graph marks; empty: each may
};

/// Errors: allow.bad_file, with all findings.
result<peer_rules> rules_for_peers(const plan& own, const std::string& host,
                                   const std::string& allow_file);

/// Reads a new graph for a run, as load_again: from this machine, or from another host under the
/// rules. What refuses a host's is said here in full, and to the host without this host's values.
/// Plugins that it names: see live_types.
result<plan> load_for_rewire(host::graph_text& text, live_types& types, const graph_options& given,
                             const peer_rules& rules, bool has_hosts);

}  // namespace hocket::cli
