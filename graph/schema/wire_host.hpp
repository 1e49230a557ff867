#pragma once

#include "graph/core/result.hpp"
#include "graph/schema/host.pb.h"
#include "graph/schema/wire_messages.hpp"

/// Host messages to their protobuf form and back; for the codec of the control lane alone.
namespace hocket::wire {

void write(const numbered_message& m, HostMessage& out);
/// Errors: codec.bad_value (no event that we know, an enum that we do not, a list that is too long).
result<numbered_message> read(const HostMessage& m);

}  // namespace hocket::wire
