#include "tools/hocket/run/placement.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/wire/address.hpp"
#include "actors/wire/keys.hpp"
#include "actors/wire/local_keys.hpp"
#include "graph/spec/partition.hpp"
#include "graph/spec/paths.hpp"
#include "tools/hocket/process.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/say.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;

fs::path secret_file(const std::string& public_key, const run_options& o) {
  return o.secret_key.empty() ? fs::path(public_key).replace_extension(".key")
                              : fs::path(o.secret_key);
}

// How the pair of a host is made so that the graph's path is right.
std::string remedy(const std::string& public_key) {
  const fs::path file(public_key);
  const auto dir = file.has_parent_path() ? file.parent_path().string() : std::string(".");
  return fmt::format(
      "`hocket keys {} --dir {}` makes a pair; the .pub goes to every host, the .key "
      "to this one alone",
      shell_word(file.stem().string()), shell_word(dir));
}

result<void> read_keys(const plan& graph, const host_plan& mine, const run_options& o,
                       distributed::host_options& out) {
  for (const auto& host : graph.hosts) {
    if (host.key.empty()) continue;
    const bool ours = host.name == mine.host;
    const bool peer =
        std::find(mine.peers.begin(), mine.peers.end(), host.name) != mine.peers.end();
    if (!ours && !peer) continue;
    std::error_code ignored;
    const auto key = spec::key_file(graph, host);
    if (!fs::exists(key, ignored))
      return fail("wire.bad_key",
                  fmt::format("host {}: no public key in {}; {}", host.name, key, remedy(key)));
    const auto open = wire::read_public_key(key);
    if (!open) return fail(open);
    if (peer) {
      out.public_keys[host.name] = *open;
      continue;
    }
    const auto file = secret_file(key, o);
    if (!fs::exists(file, ignored))
      return fail("wire.bad_key", fmt::format("host {}: no secret key in {}; {}", host.name,
                                              file.string(), remedy(key)));
    const auto secret = wire::read_secret_key(file);
    if (!secret) return fail(secret);
    if (const auto belongs = wire::public_key_of(*secret); !belongs || *belongs != *open)
      return fail(
          "wire.bad_key",
          fmt::format("host {}: the secret key in {} does not belong to the public one in {}",
                      host.name, file.string(), key));
    out.secret_key = *secret;
  }
  return {};
}

// Whole or not at all, so that who waits for the file never reads half of an address.
void write_address(const std::string& file, const std::string& address) {
  if (const auto done = trust::write_file(file, address + "\n"); !done)
    say(stderr, "warning: {} [{}]\n", done.error().message, done.error().code);
}

bool is_local(const std::string& address) {
  const auto a = wire::address::parse(address);
  return a && a->is_local();
}

/// Hosts of one machine whose graph names no keys get some that this user alone can read: on loopback,
/// too, a neighbour must not speak for one of them.
result<void> make_local_keys(const plan& graph, const host_plan& mine, const run_options& o,
                             distributed::host_options& out) {
  for (const auto& host : graph.hosts) {
    const auto given = out.peer_addresses.find(host.name);
    const auto& address = host.name == mine.host && !o.listen.empty() ? o.listen
                          : given != out.peer_addresses.end()         ? given->second
                                                                      : host.listen;
    // The wire refuses what leaves the machine, or warns where the graph wants that.
    if (!host.key.empty() || host.insecure || !is_local(address)) return {};
  }
  for (const auto& host : graph.hosts) {
    const auto keys = wire::local_keys(host.name);
    if (!keys) return fail(keys);
    if (host.name == mine.host)
      out.secret_key = keys->secret_key;
    else if (std::find(mine.peers.begin(), mine.peers.end(), host.name) != mine.peers.end())
      out.public_keys[host.name] = keys->public_key;
  }
  return {};
}

}  // namespace

result<distributed::host_options> place_here(const plan& graph, const run_options& o) {
  const auto mine = partition(graph, o.host);
  if (!mine) return fail(mine);
  distributed::host_options out;
  out.name = o.host;
  out.listen = o.listen;
  for (const auto& text : o.peers) {
    const auto equals = text.find('=');
    const auto name = text.substr(0, equals);
    if (equals == text.npos ||
        std::find(mine->peers.begin(), mine->peers.end(), name) == mine->peers.end())
      return fail(
          "run.bad_peer",
          fmt::format("`{}` names no other host; write --peer NAME=tcp://ADDRESS:PORT with {}",
                      text, fmt::join(mine->peers, " or ")));
    const auto where = wire::address::parse(text.substr(equals + 1));
    if (!where)
      return fail("run.bad_peer", fmt::format("--peer {}: {}", name, where.error().message));
    if (where->is_wildcard() || (!where->ipc && where->port == 0))
      return fail(
          "run.bad_peer",
          fmt::format("--peer {}: nobody can dial `{}`; give the address and port by which this "
                      "host reaches it; tcp://HOST:PORT,DATAPORT where its data lane is "
                      "mapped to another port than the next",
                      name, text.substr(equals + 1)));
    out.peer_addresses[name] = text.substr(equals + 1);
  }
  if (auto keys = read_keys(graph, *mine, o, out); !keys) return fail(keys);
  if (out.secret_key.empty())
    if (auto keys = make_local_keys(graph, *mine, o, out); !keys) return fail(keys);
  out.listening = [name = o.host, file = o.address_file](const std::string& address) {
    say(stderr, "{} listens at {}\n", name, address);
    if (!file.empty()) write_address(file, address);
  };
  return out;
}

}  // namespace hocket::cli
