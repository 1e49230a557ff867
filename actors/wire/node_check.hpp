#pragma once

#include <string>

#include "actors/wire/node.hpp"

namespace hocket::wire {

/// What node::open and node::add_link refuse. Errors: wire.bad_option, with the link's name;
/// `taken`: another link has its number.
result<void> check_link(const node_options& o, const remote_link& l, bool taken);
result<void> check_links(const node_options& o);
/// Where no keys are used, no other machine may reach us or be reached. `what`:
/// "listens at". Errors: wire.plaintext, wire.bad_address.
result<void> check_plaintext(const node_options& o, const std::string& where,
                             const std::string& what);
/// Errors: wire.bad_option, wire.bad_key, and those of check_plaintext().
result<void> check_peers(const node_options& o);

}  // namespace hocket::wire
