#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "actors/host/run_changes.hpp"
#include "actors/rewire/fwd.hpp"
#include "actors/distributed/transport.hpp"

/// What both halves of the coordinator use; for them alone.
namespace hocket::rewire {

using clock = std::chrono::steady_clock;
constexpr auto look_again = std::chrono::milliseconds(50);
constexpr int settle_limit_s = 30;

inline bool there(const wire::peer_status& p) {
  return p.state == wire::peer_state::up || p.state == wire::peer_state::suspect;
}

inline rewire_outcome refused(std::string host, std::string code, std::string why) {
  rewire_outcome out;
  out.host = std::move(host);
  out.code = std::move(code);
  out.why = std::move(why);
  return out;
}

}  // namespace hocket::rewire
