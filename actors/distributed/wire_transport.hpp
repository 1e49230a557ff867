#pragma once

#include "actors/distributed/options.hpp"
#include "actors/distributed/transport.hpp"
#include "graph/spec/partition.hpp"

namespace hocket::distributed {

/// Where this host listens, which peers it has and how it reaches them; no links.
wire::node_options reach_peers(const host_plan& local, const host_options& mine);

/// The real transport: ZeroMQ, `wire::node`.
result<std::unique_ptr<transport>> open_wire(wire::node_options options, wire::node_events& events);

}  // namespace hocket::distributed
