#pragma once

#include <string>

#include "graph/contract/packet.hpp"
#include "graph/contract/port.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::host {

/// Why a stream time cannot be meant: no time at all, or far ahead of `now`. "": it can.
std::string why_no_time(timestamp ts, timestamp now);

/// Why a packet may not leave through a port of this type; empty where it may. `last` is the ts of
/// the packet before it on the same stream: sound never goes back in time. `now` is stream time:
/// what lies more than an hour ahead of it is a mistake, and would make all later sound of the
/// stream go back in time and every bundle look complete.
std::string why_bad(const packet& p, const media_type& declared, timestamp last, timestamp now);

/// Why a packet does not satisfy the schema that the graph names for this output; empty where it does,
/// and where the output has none. Costs what the payload is long.
std::string why_other_payload(const packet& p, const plan_actor& actor, std::size_t port);
/// The same of an input, for what comes from another host.
std::string why_other_input(const packet& p, const plan_actor& actor, std::size_t port);

/// True for the control that the host itself reads: bound and end_of_stream.
const control* as_marker(const packet& p);

}  // namespace hocket::host
