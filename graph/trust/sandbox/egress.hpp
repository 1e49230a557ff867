#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::trust {

/// Where a program in a sandbox finds its door, as its proxy variables name it.
std::string egress_url();

/// "host:port", "[v6]:port", "*.example.org:443", "host:*": what an entry of `reaches` may be.
/// Errors: sandbox.bad_address.
result<void> is_egress_entry(std::string_view entry);
/// Whether an entry names the host and port.
bool lets_out(std::string_view entry, std::string_view host, std::string_view port);
/// Whether a host that the list names may be reached at this address, which is what it resolved to:
/// one of the public internet, or one that an entry names itself (`10.0.0.7:*`, `10.*:80`; `localhost`
/// names loopback). Whoever owns a name can point it at this machine, its network or a cloud's metadata.
bool may_lie_at(const std::vector<std::string>& entries, std::string_view host,
                const std::string& address, std::string_view port);

/// How long nothing may come over a connection.
struct egress_patience {
  int both_ms = 15 * 60'000;  ///< from either side: they have forgotten it
  int one_ms = 60'000;        ///< from one side, after the other one ended or left
};

/// The door of a sandbox's own network: an HTTP proxy (CONNECT, and plain `http://` requests, one for
/// each connection) that connects to what is named and to nothing else; the rest gets 403 and a line
/// of the refusals. Names are resolved here, outside, and what they resolve to is judged. At most 32
/// connections at once; a head of 16 KiB, within 10 s. A connection that one side has left, and that
/// nothing comes over any more, is given up. Its threads end with it.
class egress {
 public:
  /// Takes the listening socket, which belongs to the other network. Errors: sandbox.failed.
  static result<std::shared_ptr<egress>> start(int listening, std::vector<std::string> reaches,
                                               std::string who, egress_patience waits = {});
  ~egress();
  egress(const egress&) = delete;
  egress& operator=(const egress&) = delete;

 private:
  struct shared;
  explicit egress(std::shared_ptr<shared> s) : shared_(std::move(s)) {}
  std::shared_ptr<shared> shared_;
};

}  // namespace hocket::trust
