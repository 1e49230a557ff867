#pragma once

#include <string>
#include <vector>

namespace hocket::gateway::webrtc {

/// Where this machine can be reached, as text: all addresses of interfaces that are up, those of loopback
/// last (or alone); link-local ones, which mean nothing without their interface, are left out.
std::vector<std::string> own_addresses(bool only_loopback = false);

}  // namespace hocket::gateway::webrtc
