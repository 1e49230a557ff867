#pragma once

#include <optional>
#include <string>

#include "actors/host/runtime.hpp"

namespace hocket::observe {

/// Which run a page of metrics speaks of.
struct run_identity {
  std::string graph;
  std::string graph_hash;
  std::string host;  ///< name in `hosts:`; "" where the graph runs in one process
  std::string version;
  std::string revision;
};

/// A run as Prometheus metrics: per actor, edge, budget and peer.
///
/// Only names from the graph file stand in it: no error texts, no content of packets.
/// `s` empty: the run is not open yet, or over; the families of the run are left out.
std::string metrics_text(const run_identity& who, const std::optional<host::snapshot>& s);

/// What /proc says of this process, under the names that Prometheus' client libraries use.
std::string process_metrics();

}  // namespace hocket::observe
