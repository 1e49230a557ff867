#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/host/accounts.hpp"
#include "actors/host/duration_buckets.hpp"
#include "actors/wire/accounts.hpp"

namespace hocket::host {

enum class actor_state : std::uint8_t {
  starting,
  idle,
  running,
  blocked,
  restarting,
  hung,
  lost,
  draining,
  stopped
};
std::string_view to_string(actor_state state);

struct actor_status {
  std::string name;
  std::string component;
  actor_state state = actor_state::starting;
  std::uint64_t packets_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t restarts = 0;
  std::uint64_t queued = 0;
  double busy_ratio = 0;  ///< share of wall time in the component since the last snapshot
  double call_ms = 0;     ///< how long the call that it is in has lasted; 0 = it is in none
  std::uint64_t restarts_in_window = 0;  ///< of `restart_max` in `restart_within_s`
  std::int32_t restart_max = 0;
  double restart_within_s = 0;
  double handler_p50_ms = 0;
  double handler_p99_ms = 0;
  duration_buckets handlers;  ///< all calls into the component
  std::string last_error;
  std::vector<std::pair<std::string, std::int64_t>> counters;  ///< the component's own
};

/// Latency of one budgeted path, capture to the last actor's hand-over, per micro-turn.
struct budget_status {
  std::string path;  ///< "mic > ears > model > speaker"
  double limit_ms = 0;
  std::uint64_t checked = 0;
  std::uint64_t missed = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  duration_buckets latencies;                                 ///< one per finished micro-turn
  std::vector<std::pair<std::string, std::uint64_t>> blamed;  ///< actor -> misses it caused
};

struct snapshot {
  std::string host;  ///< name in `hosts:` of the process that speaks; "" where all runs in one
  timestamp now;
  std::vector<actor_status> actors;
  std::vector<link_account> links;
  std::vector<budget_status> budgets;
  std::uint64_t sessions = 0;
  std::vector<wire::wire_account> wires;  ///< what crosses to other processes, by link
  std::vector<wire::peer_status> peers;   ///< the other processes
  std::uint64_t refused_handshakes = 0;   ///< of strangers: unknown key, plaintext, garbage

  bool law_holds() const;
};

}  // namespace hocket::host
