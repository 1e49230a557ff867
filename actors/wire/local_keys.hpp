#pragma once

#include <string>

#include "actors/wire/keys.hpp"

namespace hocket::wire {

/// The key pair of a host whose graph names none, for hosts of one machine and one user (the same in
/// every graph, whose hash tells those apart): kept in a
/// folder that this user alone can enter, made where it is missing. Whoever cannot read it cannot
/// speak for the host, nor listen in, on loopback as little as anywhere.
///
/// `folder` "": /dev/shm/hocket-UID, beside the shared memory of the same hosts.
/// Errors: wire.bad_key (the folder or file is another user's, or cannot be made).
result<key_pair> local_keys(const std::string& host, const std::string& folder = "");

}  // namespace hocket::wire
