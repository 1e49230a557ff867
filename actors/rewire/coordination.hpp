#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "actors/host/run_changes.hpp"
#include "actors/rewire/fwd.hpp"
#include "actors/distributed/transport.hpp"

/// What both halves of the coordinator use; for them alone.
namespace hocket::rewire {

using clock = std::chrono::steady_clock;
constexpr auto look_again = std::chrono::milliseconds(50);

/// How long the others' word on what became of a change is waited for: longer than they wait for what
/// retires (rewirer::wait_until_settled).
inline std::chrono::seconds settle_limit(double drain_limit_s) {
  return std::chrono::seconds(
      std::max<std::int64_t>(30, static_cast<std::int64_t>(2 * drain_limit_s) + 5));
}

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
