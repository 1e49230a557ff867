#include "actors/distributed/ask_graph.hpp"

#include <cctype>
#include <optional>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "actors/distributed/wire_transport.hpp"
#include "graph/spec/partition.hpp"

namespace hocket::distributed {
namespace {

using clock = std::chrono::steady_clock;

/// Nothing comes: no peer of a node that asks is ever up.
class no_events final : public wire::node_events {
  bool packet_arrived(std::uint32_t, packet&&) override { return false; }
  void control_arrived(const std::string&, const wire::host_message&) override {}
  void room_again(std::uint32_t) override {}
  void peer_changed(const std::string&, wire::peer_state, const std::string&, bool) override {}
  void gap(std::uint32_t, session_id, std::uint64_t, std::uint64_t) override {}
};

/// A hash from outside, for people.
std::string shown(const std::string& hash) {
  std::string out;
  for (const char c : hash.substr(0, 32))
    out += std::isalnum(static_cast<unsigned char>(c)) ? c : '?';
  return out;
}

/// What is known of a host that is waited for.
std::string about(const wire::node& node, const std::string& host, const open_vote& vote) {
  const auto word = node.graph_of(host);
  if (!word.empty() && word != wire::undecided_graph)
    return fmt::format(
        "host {} has graph {}, which is neither the one that this host had ({}) nor the one that "
        "it agreed to ({}): start it with the newest file and --from-file",
        host, shown(word), vote.had, vote.voted);
  for (const auto& p : node.status().peers)
    if (p.name == host) return p.reason;
  return "";
}

/// What the word of a leader that was killed came to; nothing: not known yet.
std::optional<bool> came_to(const plan& whole, const wire::node& node,
                            const std::vector<std::string>& peers, const open_vote& vote,
                            bool patient) {
  std::size_t had = 0, answers = 0;
  bool unclear = false;  // one counts votes, or has a third graph
  for (const auto& p : peers) {
    const auto word = node.graph_of(p);
    // Of one that may not change the graph it counts where no other contradicts.
    if (word == vote.voted && may_rewire(whole, p)) return true;
    if (word == vote.had) ++had;
    if (word == vote.had || word == vote.voted)
      ++answers;
    else if (!word.empty())
      unclear = true;
  }
  if (unclear) return {};
  if (patient && answers < peers.size()) return {};
  return had == 0;
}

/// Of whom a leader that was killed waits for a word.
std::string unclear_ones(const wire::node& node, const std::vector<std::string>& peers,
                         const open_vote& vote) {
  std::string out;
  for (const auto& p : peers) {
    const auto word = node.graph_of(p);
    if (word == vote.voted || word == vote.had) continue;
    if (!word.empty() && word != wire::undecided_graph) return about(node, p, vote);
    out += (out.empty() ? "no answer yet of host " : ", ") + p;
  }
  return out;
}

}  // namespace

result<bool> has_graph(const plan& whole, const host_options& mine, const open_vote& vote,
                       const std::function<bool(const std::string& about_others)>& wait,
                       std::chrono::milliseconds leader_first) {
  const auto local = partition(whole, mine.name);
  if (!local) return fail(local);
  no_events nothing;
  const auto open = [&] {
    auto options = reach_peers(*local, mine);
    options.asks = true;
    options.shared_memory = false;
    return wire::node::open(std::move(options), nothing);
  };
  auto node = open();
  if (!node) return fail(node);
  (*node)->begin();
  auto asked_at = clock::now();
  const auto ended = fail("rewire.not-asked", "stopped before a host answered");
  // What one said may be the last that it said.
  const auto ask_anew = [&]() -> result<void> {
    node->reset();
    for (node = open(); !node; node = open()) {  // its address may take a moment to be free
      if (!wait(node.error().message)) return ended;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    (*node)->begin();
    asked_at = clock::now();
    return {};
  };
  const bool leads = local->leader == mine.name;
  while (leads) {
    const bool patient = clock::now() < asked_at + leader_first;
    if (const auto answer = came_to(whole, **node, local->peers, vote, patient)) return *answer;
    if (!wait(unclear_ones(**node, local->peers, vote))) return ended;
    if (!patient) HOCKET_TRY(ask_anew());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  for (;;) {
    const auto word = (*node)->graph_of(local->leader);
    if (word == vote.voted) return true;
    if (word == vote.had) return false;
    const bool long_ago = clock::now() >= asked_at + leader_first;
    if (word.empty() && long_ago)
      for (const auto& peer : local->peers)
        if (may_rewire(whole, peer) && (*node)->graph_of(peer) == vote.voted) return true;
    if (!wait(about(**node, local->leader, vote))) return ended;
    if (!word.empty() && long_ago) HOCKET_TRY(ask_anew());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace hocket::distributed
