#include "actors/wire/node_check.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "actors/wire/address.hpp"
#include "actors/wire/keys.hpp"

namespace hocket::wire {
namespace {

tl::unexpected<error> bad_option(const std::string& what) {
  return fail(wire_error::bad_option, what);
}

}  // namespace

result<void> check_link(const node_options& o, const remote_link& l, bool taken) {
  const bool known =
      std::any_of(o.peers.begin(), o.peers.end(), [&](const auto& p) { return p.name == l.peer; });
  if (!known) return bad_option(fmt::format("link {}: no peer `{}`", l.name, l.peer));
  if (l.id == 0 || taken)
    return bad_option(fmt::format("link {}: its number {} is 0 or taken", l.name, l.id));
  if (l.credit_packets == 0 || l.credit_bytes == 0)
    return bad_option(fmt::format("link {}: no credit", l.name));
  return {};
}

result<void> check_links(const node_options& o) {
  std::set<std::uint32_t> ids;
  for (const auto& l : o.links) HOCKET_TRY(check_link(o, l, !ids.insert(l.id).second));
  return {};
}

result<void> check_plaintext(const node_options& o, const std::string& where,
                             const std::string& what) {
  const auto a = address::parse(where);
  if (!a) return fail(a);
  if (!o.secret_key.empty() || o.insecure || a->is_local()) return {};
  return fail(
      wire_error::plaintext,
      fmt::format("host {}: {} {} without keys: everybody could read and send; make keys with "
                  "`hocket keys`, or say `insecure: true`",
                  o.name, what, where));
}

result<void> check_peers(const node_options& o) {
  std::set<std::string> names{o.name};
  for (const auto& p : o.peers) {
    if (p.name.empty() || !names.insert(p.name).second)
      return bad_option(fmt::format("two hosts are called `{}`", p.name));
    if (!p.address.empty()) HOCKET_TRY(check_plaintext(o, p.address, "connects to"));
    if (p.address.empty() && o.listen.empty())
      return bad_option(
          fmt::format("hosts {} and {}: neither has an address to `listen` at", o.name, p.name));
    if (!o.secret_key.empty() && !is_key(p.public_key))
      return fail(wire_error::bad_key,
                  fmt::format("host {}: no public key of 40 characters (Z85)", p.name));
  }
  return {};
}

}  // namespace hocket::wire
