#pragma once

#include <functional>
#include <map>
#include <string>

#include "actors/distributed/transport.hpp"
#include "actors/host/options.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::distributed {

/// How this process takes part in a plan with `hosts:`.
struct host_options {
  std::string name;                                   ///< in `hosts:`; "" where the plan names none
  std::string listen;                                 ///< instead of the graph file's; port 0 = any
  trust::shared_secret secret_key;                    ///< Z85; "" = plaintext
  std::map<std::string, std::string> public_keys;     ///< of the peers, by host
  std::map<std::string, std::string> peer_addresses;  ///< instead of the graph file's, by host
  /// Called once, before any host is waited for: where this process listens.
  std::function<void(const std::string& address)> listening = {};
  open_transport open = {};  ///< empty: ZeroMQ (`actors/wire`)
  /// The number of the plan that this run starts with: over 1 where a killed process comes back.
  int revision = 1;
};

/// A run with these options takes part in a plan with `hosts:`, as `mine.name`.
void join_hosts(host::runtime_options& run, host_options mine);

}  // namespace hocket::distributed
