#pragma once

#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::wire {

/// Where a lane listens or connects to.
struct address {
  bool ipc = false;
  std::string host;  ///< IP address or name; ipc: the path
  int port = 0;      ///< 0 = any, to listen on
  /// To dial: where the data lane is from here, behind a port mapping; 0 = where the peer says.
  int data_port = 0;

  /// tcp://host:port, tcp://[v6]:port, ipc://path; tcp://host:port,data_port. Errors:
  /// wire.bad_address, naming the text.
  static result<address> parse(const std::string& text);
  /// Without the data port: what a socket takes.
  std::string to_string() const;
  /// Every address, or an interface: nothing that anybody could dial.
  bool is_wildcard() const;
  /// What a socket can bind: a name becomes each of its addresses, one that is an address, a wildcard
  /// or an interface stays. Asks the resolver. Errors: wire.bad_address (nobody knows the name).
  result<std::vector<address>> to_bind() const;
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
