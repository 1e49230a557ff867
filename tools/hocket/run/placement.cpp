#include "tools/hocket/run/placement.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/wire/keys.hpp"
#include "graph/spec/partition.hpp"
#include "graph/trust/files.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;

fs::path secret_file(const plan_host& host, const run_options& o) {
  return o.secret_key.empty() ? fs::path(host.key).replace_extension(".key")
                              : fs::path(o.secret_key);
}

// How the pair of a host is made so that the graph's path is right.
std::string remedy(const plan_host& host) {
  const fs::path file(host.key);
  const auto dir = file.has_parent_path() ? file.parent_path().string() : std::string(".");
  return fmt::format(
      "`hocket keys {} --dir {}` makes a pair; the .pub goes to every host, the .key "
      "to this one alone",
      file.stem().string(), dir);
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
    if (!fs::exists(host.key, ignored))
      return fail("wire.bad_key", fmt::format("host {}: no public key in {}; {}", host.name,
                                              host.key, remedy(host)));
    const auto open = wire::read_public_key(host.key);
    if (!open) return fail(open);
    if (peer) {
      out.public_keys[host.name] = *open;
      continue;
    }
    const auto file = secret_file(host, o);
    if (!fs::exists(file, ignored))
      return fail("wire.bad_key", fmt::format("host {}: no secret key in {}; {}", host.name,
                                              file.string(), remedy(host)));
    const auto secret = wire::read_secret_key(file);
    if (!secret) return fail(secret);
    if (const auto belongs = wire::public_key_of(*secret); !belongs || *belongs != *open)
      return fail(
          "wire.bad_key",
          fmt::format("host {}: the secret key in {} does not belong to the public one in {}",
                      host.name, file.string(), host.key));
    out.secret_key = *secret;
  }
  return {};
}

// Whole or not at all, so that who waits for the file never reads half of an address.
void write_address(const std::string& file, const std::string& address) {
  if (const auto done = trust::write_file(file, address + "\n"); !done)
    fmt::print(stderr, "warning: {} [{}]\n", done.error().message, done.error().code);
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
    out.peer_addresses[name] = text.substr(equals + 1);
  }
  if (auto keys = read_keys(graph, *mine, o, out); !keys) return fail(keys);
  out.listening = [name = o.host, file = o.address_file](const std::string& address) {
    fmt::print(stderr, "{} listens at {}\n", name, address);
    if (!file.empty()) write_address(file, address);
  };
  return out;
}

}  // namespace hocket::cli
