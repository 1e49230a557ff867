#include "actors/distributed/ask_graph.hpp"

#include <chrono>
#include <thread>

#include "actors/distributed/wire_transport.hpp"
#include "graph/spec/partition.hpp"

namespace hocket::distributed {
namespace {

/// Nothing comes: no peer of a node that asks is ever up.
class no_events final : public wire::node_events {
  bool packet_arrived(std::uint32_t, packet&&) override { return false; }
  void control_arrived(const std::string&, const wire::host_message&) override {}
  void room_again(std::uint32_t) override {}
  void peer_changed(const std::string&, wire::peer_state, const std::string&, bool) override {}
  void gap(std::uint32_t, session_id, std::uint64_t, std::uint64_t) override {}
};

}  // namespace

result<bool> has_graph(const plan& whole, const host_options& mine, const std::string& hash,
                       const std::function<bool(const std::string& about_leader)>& wait) {
  const auto local = partition(whole, mine.name);
  if (!local) return fail(local);
  auto options = reach_peers(*local, mine);
  options.asks = true;
  options.shared_memory = false;
  no_events nothing;
  const auto node = wire::node::open(std::move(options), nothing);
  if (!node) return fail(node);
  (*node)->begin();
  for (;;) {
    for (const auto& peer : local->peers)
      if ((*node)->graph_of(peer) == hash) return true;
    if (!(*node)->graph_of(local->leader).empty()) return false;
    std::string about;
    for (const auto& p : (*node)->status().peers)
      if (p.name == local->leader) about = p.reason;
    if (!wait(about)) return fail("rewire.not-asked", "stopped before a host answered");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace hocket::distributed
