#pragma once

#include <string>
#include <vector>

namespace hocket::web {

/// Whether an address (text, without a port) is one of the public internet: not private, loopback,
/// link-local, multicast, shared, reserved, a cloud's metadata, nor one of those inside an IPv6 form
/// (mapped, compatible, NAT64, 6to4, Teredo).
bool is_public(const std::string& address);

/// Which hosts a graph lets be asked: names or globs ("*.example.org", which means the name itself,
/// too). Denied wins; an empty `allow` is everybody.
bool host_allowed(std::string host, const std::vector<std::string>& allow,
                  const std::vector<std::string>& deny);

}  // namespace hocket::web
