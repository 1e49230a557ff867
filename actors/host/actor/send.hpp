#pragma once

#include <functional>
#include <string>

#include "actors/host/fwd.hpp"
#include "graph/contract/packet.hpp"
#include "graph/core/result.hpp"

namespace hocket::host {

/// What became of a packet that came from outside the graph.
struct sent_packet {
  session_id session = session_id::none;
  std::uint64_t seq = 0;
  timestamp ts;
};
using sent_told = std::function<void(result<sent_packet>)>;

/// Emits a packet as if the actor of `output` ("ACTOR.PORT") had: at the stream time at which it is its
/// turn, numbered, recorded and accounted for like its own. It waits behind what waits in front of
/// that actor, and never holds up the caller or the graph. `told` is called once, from any thread,
/// perhaps before this returns; not where the run ends first.
/// Errors: send.no_output, send.other_host, send.wrong_kind, send.no_session, send.not_running,
/// send.ended, send.busy, send.refused.
void send(graph_run& run, const std::string& output, session_id to, payload what, sent_told told);

}  // namespace hocket::host
