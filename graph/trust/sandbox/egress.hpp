#pragma once

#include <memory>
#include <string>
#include <string_view>
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

/// The door of a sandbox's own network: an HTTP proxy (CONNECT, and plain `http://` requests) that
/// connects to what is named and to nothing else; the rest gets 403 and a line of the refusals.
/// Names are resolved here, outside. It takes the listening socket, which belongs to the other
/// network. At most 32 connections at once; a head of 16 KiB, within 10 s. Its threads end with it.
class egress {
 public:
  egress(int listening, std::vector<std::string> reaches, std::string who);
  ~egress();
  egress(const egress&) = delete;
  egress& operator=(const egress&) = delete;

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
};

}  // namespace hocket::trust
