// What flows between the hosts of a graph.
#pragma once

#include <string>
#include <vector>

#include "graph/spec/plan.hpp"

namespace hocket::planning {

/// All links from one host to another, for one session.
struct host_link {
  std::string from, to;
  double bytes_per_s = 0;  ///< payloads and their headers, of the streams with a known rate
  double packets_per_s = 0;
  int links = 0;
  int irregular = 0;  ///< of them: words, calls, pictures of unknown size; they are not counted
};

/// One entry per pair of hosts, in order of the names. Rates come from the media types of the ports.
std::vector<host_link> links_between_hosts(const plan& graph);

}  // namespace hocket::planning
