#pragma once

#include "actors/distributed/transport.hpp"

namespace hocket::distributed {

/// The real transport: ZeroMQ, `wire::node`.
result<std::unique_ptr<transport>> open_wire(wire::node_options options, wire::node_events& events);

}  // namespace hocket::distributed
