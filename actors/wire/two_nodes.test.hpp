#pragma once

#include <stdlib.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "actors/wire/keys.hpp"
#include "actors/wire/node.hpp"

namespace hocket::wire::testing {

/// Records what a node tells its host, and lets a test wait for it.
struct recorder final : node_events {
  struct changed {
    peer_state state;
    std::string reason;
    bool restarted;
  };
  mutable std::mutex mutex;
  mutable std::condition_variable news;
  std::vector<packet> packets;
  std::map<std::uint32_t, std::uint64_t> arrived;
  std::vector<host_message> messages;
  std::vector<std::size_t> packets_before_message;
  std::vector<changed> changes;
  std::vector<std::uint32_t> rooms;
  struct lost {
    std::uint64_t session, from, to;
  };
  std::vector<lost> gaps;
  bool has_room = true;
  std::atomic<node*> consumes = nullptr;  ///< every packet leaves the queue at once

  bool packet_arrived(std::uint32_t link, packet&& p) override {
    {
      std::lock_guard lock(mutex);
      if (!has_room) return false;
      ++arrived[link];
      packets.push_back(std::move(p));
      news.notify_all();
    }
    if (auto* n = consumes.load()) n->consumed(link);
    return true;
  }
  void control_arrived(const std::string&, const host_message& m) override {
    std::lock_guard lock(mutex);
    messages.push_back(m);
    packets_before_message.push_back(packets.size());
    news.notify_all();
  }
  void room_again(std::uint32_t link) override {
    std::lock_guard lock(mutex);
    rooms.push_back(link);
    news.notify_all();
  }
  void peer_changed(const std::string&, peer_state s, const std::string& why,
                    bool restarted) override {
    std::lock_guard lock(mutex);
    changes.push_back({s, why, restarted});
    news.notify_all();
  }
  void gap(std::uint32_t, session_id s, std::uint64_t from, std::uint64_t to) override {
    std::lock_guard lock(mutex);
    gaps.push_back({static_cast<std::uint64_t>(s), from, to});
    news.notify_all();
  }

  template <class Condition>
  bool wait(Condition condition) const {
    std::unique_lock lock(mutex);
    return news.wait_for(lock, std::chrono::seconds(120), [&] { return condition(); });
  }
  std::uint64_t arrived_on(std::uint32_t link) const {
    std::lock_guard lock(mutex);
    const auto found = arrived.find(link);
    return found == arrived.end() ? 0 : found->second;
  }
  changed last_change() const {
    std::lock_guard lock(mutex);
    return changes.back();
  }
  bool wait_state(peer_state s) const {
    return wait([&] { return !changes.empty() && changes.back().state == s; });
  }
  bool wait_packets(std::size_t n) const {
    return wait([&] { return packets.size() >= n; });
  }
};

/// Waits for what no call of the host tells.
template <class Condition>
bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

/// A node at an address that another one had just now: the library gives it back in its own time.
inline std::unique_ptr<node> open_again(const node_options& o, node_events& host) {
  std::unique_ptr<node> again;
  REQUIRE(eventually([&] {
    auto opened = node::open(o, host);
    if (opened) again = std::move(*opened);
    return again != nullptr;
  }));
  return again;
}

struct folder {
  std::string path;
  folder() {
    std::string name = (std::filesystem::temp_directory_path() / "hocket-wire-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~folder() { std::filesystem::remove_all(path); }
};

/// Long, so that nobody is thought silent who only waits for a busy machine; tests of silence are
/// quick with the short one.
constexpr int lost_after_ms = 10'000, soon_lost_ms = 1'000;

/// Options of two hosts, `left` listens and `right` connects, with links 1 (right to left,
/// bounded), 2 (right to left, lossless) and 3 (left to right, lossless).
struct pair_of_options {
  folder place;
  node_options left, right;

  void lose_soon() { left.lost_after_ms = right.lost_after_ms = soon_lost_ms; }
  explicit pair_of_options(bool keys, bool shared_memory = false) {
    for (auto* o : {&left, &right}) {
      o->graph_hash = "graph";
      o->schema_hash = "schema";
      o->heartbeat_ms = 50;
      o->lost_after_ms = lost_after_ms;
      o->shared_memory = shared_memory;
      o->shm_bytes = 4u << 20;
      o->shm_dir = place.path;
    }
    left.name = "left";
    right.name = "right";
    left.listen = "tcp://127.0.0.1:0";
    left.peers = {{"right", "", ""}};
    right.peers = {{"left", "", ""}};
    if (keys) {
      const auto l = *make_keys(), r = *make_keys();
      left.secret_key = l.secret_key;
      right.secret_key = r.secret_key;
      left.peers[0].public_key = r.public_key;
      right.peers[0].public_key = l.public_key;
    }
    for (const std::uint32_t id : {1u, 2u, 3u}) {
      remote_link link;
      link.id = id;
      link.name = "link " + std::to_string(id);
      link.how = id == 1 ? delivery::bounded : delivery::lossless;
      link.credit_packets = 16;
      link.peer = "right";
      link.outgoing = id == 3;
      left.links.push_back(link);
      link.peer = "left";
      link.outgoing = id != 3;
      right.links.push_back(link);
    }
  }
};

inline packet words(const std::string& value, std::uint64_t seq = 0) {
  auto p = make_packet(timestamp::of_ms(7), text{value, "user", 0, true});
  p.header.session = static_cast<session_id>(5);
  p.header.seq = seq;
  return p;
}

inline packet numbers(std::size_t floats, float value, std::uint64_t seq = 0) {
  auto p =
      make_packet(timestamp::of_ms(7), tensor{dtype::f32,
                                              {static_cast<std::int64_t>(floats)},
                                              buffer::take(std::vector<float>(floats, value))});
  p.header.session = static_cast<session_id>(5);
  p.header.seq = seq;
  return p;
}

/// Sends however often the link says that it has no credit yet.
inline void send_when_possible(node& n, const recorder& r, std::uint32_t link, const packet& p) {
  for (;;) {
    std::size_t before = 0;
    {
      std::lock_guard lock(r.mutex);
      before = r.rooms.size();
    }
    const auto how = n.send(link, p);
    if (how == sent_how::sent) return;
    REQUIRE(how != sent_how::unsendable);
    REQUIRE(r.wait([&] { return r.rooms.size() > before; }));
  }
}

inline const wire_account& account(const node_status& s, std::uint32_t link) {
  for (const auto& a : s.links)
    if (a.id == link) return a;
  FAIL("no such link");
  return s.links.front();
}

/// Two nodes that are up.
struct two_nodes {
  recorder left_host, right_host;
  std::unique_ptr<node> left, right;

  explicit two_nodes(pair_of_options& o) {
    left = node::open(o.left, left_host).value();
    o.right.peers[0].address = left->listening();
    right = node::open(o.right, right_host).value();
    left->begin();
    right->begin();
  }
  void wait_up() {
    REQUIRE(left_host.wait_state(peer_state::up));
    REQUIRE(right_host.wait_state(peer_state::up));
  }
};

}  // namespace hocket::wire::testing
