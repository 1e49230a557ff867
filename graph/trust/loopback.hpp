#pragma once

#include <string_view>

namespace hocket::trust {

/// Whether a host as somebody wrote it, without a port, is this machine for whoever resolves it:
/// `localhost`, 127.0.0.0/8, ::1 (in brackets too). "127.example.org" is a name, and its owner says where
/// it leads.
inline bool is_loopback_host(std::string_view host) {
  return host == "localhost" || host == "::1" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
}

}  // namespace hocket::trust
