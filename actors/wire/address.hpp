#pragma once

#include <string>

#include "graph/core/result.hpp"

namespace hocket::wire {

/// Where a lane listens or connects to.
struct address {
  bool ipc = false;
  std::string host;  ///< IP address or name; ipc: the path
  int port = 0;      ///< 0 = any, to listen on

  /// tcp://host:port, tcp://[v6]:port, ipc://path. Errors: wire.bad_address, naming the text.
  static result<address> parse(const std::string& text);
  std::string to_string() const;
  /// No other machine can reach it.
  bool is_local() const;
  /// The address of the data lane that belongs to this control lane's address.
  address data_lane() const;
  /// What the handshake tells about a data lane ("7401", a path), and back. Errors:
  /// wire.bad_address.
  std::string announce() const;
  result<address> with_announced(const std::string& data_lane) const;
};

}  // namespace hocket::wire
