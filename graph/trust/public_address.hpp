#pragma once

#include <string>

namespace hocket::trust {

/// Whether an address (text, without a port) is one of the public internet: not private, loopback,
/// link-local, multicast, shared, reserved, a cloud's metadata, nor one of those inside an IPv6 form
/// (mapped, compatible, NAT64, 6to4, Teredo).
bool is_public(const std::string& address);

/// Whether a network interface of this machine has this address now, public or not. Also true for what
/// is no address, and where the kernel does not tell. Cost: a question to the kernel.
bool is_of_this_machine(const std::string& address);

}  // namespace hocket::trust
