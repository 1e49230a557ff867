#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/host/fwd.hpp"
#include "actors/host/observer.hpp"
#include "graph/trust/capability.hpp"

namespace hocket::host {

struct runtime_options {
  bool virtual_time = false;  ///< deterministic, as fast as it can
  int sessions = 1;           ///< conversations opened at the start
  /// Conversations at once, those that are still closing among them; more are refused. A host that
  /// comes back is told of all in one message, which holds no more.
  int max_sessions = 4096;
  int threads = 0;  ///< CAF workers; 0 = number of cores
  std::string output_dir = "out";
  /// What actors may reach; none: whatever a graph of one's own may, beneath `output_dir`.
  std::shared_ptr<const trust::capability> may = {};
  double drain_limit_s = 5;  ///< how long an orderly stop may take
  int grace_ms = 30;         ///< real time: how long a micro-turn waits for stragglers
  int batch_ms = 5;          ///< … and those that are complete for the others of their batch
  std::vector<observer*> observers = {};
  /// Unix socket that serves status() as JSON lines (`out/hocket.sock`); "" = none. Where it cannot
  /// be made the run goes on and says so with an event.
  std::string status_socket = {};
  /// Its name in `hosts:` of the plan; "" where the plan names none.
  std::string host_name = {};
  /// What a run of several hosts, and one that can be rewired, is made with: `actors/distributed`
  /// and `actors/rewire` fill these in. Empty: one process; the graph stays as it is.
  std::function<std::unique_ptr<peer_hosts>(graph_run&)> peers = {};
  std::function<std::unique_ptr<run_changes>(graph_run&)> changes = {};
};

}  // namespace hocket::host
