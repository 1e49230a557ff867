#pragma once

#include "actors/distributed/options.hpp"
#include "actors/distributed/transport.hpp"
#include "graph/spec/partition.hpp"

namespace hocket::distributed {

/// Where this host listens, which peers it has and how it reaches them; no links.
wire::node_options reach_peers(const host_plan& local, const host_options& mine);

/// What a handshake tells of the graph, key by key, in at most 256 KiB: the last are left out.
std::vector<wire::graph_key> told_keys(const plan& graph);

/// The real transport: ZeroMQ, `wire::node`.
result<std::unique_ptr<transport>> open_wire(wire::node_options options, wire::node_events& events);

}  // namespace hocket::distributed
