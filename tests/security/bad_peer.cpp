// A host with a valid key that says what no host says.
// bad_peer NAME SECRET LISTEN PEER PEER_PUBLIC GRAPH_HASH MODE COUNT
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "actors/wire/keys.hpp"
#include "actors/wire/node.hpp"
#include "graph/schema/wire_messages.hpp"

using namespace hocket;
using namespace hocket::wire;

namespace {

class listener final : public node_events {
 public:
  bool packet_arrived(std::uint32_t, packet&&) override { return false; }
  void control_arrived(const std::string&, const host_message& m) override {
    if (m.what != host_event::rewire || m.value != 1) return;
    std::printf("ANSWER %s\n", m.detail.c_str());
    std::fflush(stdout);
  }
  void room_again(std::uint32_t) override {}
  void peer_changed(const std::string&, peer_state s, const std::string&, bool) override {
    if (s == peer_state::up) up = true;
  }
  void gap(std::uint32_t, session_id, std::uint64_t, std::uint64_t) override {}
  std::atomic<bool> up{false};
};

host_message message_of(const std::string& mode, long i) {
  host_message m;
  m.what = host_event::rewire;
  m.values = {i + 1};
  if (mode == "ask") m.detail = "x";
  if (mode == "answer") {
    m.value = 1;
    m.detail = R"({"state":"refused","why":")" + std::string(200'000, 'A') + "\"}";
  }
  if (mode == "read") {
    const char* what = std::getenv("READ");
    m.detail = std::string(R"({"file":"x/g.yaml","dry_run":true,"text":"hocket: 1\nname: )") +
               R"(two_rooms\nactors:\n  x: )" + (what != nullptr ? what : "") + R"(\n"})";
  }
  if (mode == "epoch") {
    m = {};
    m.what = host_event::epoch_raised;
    m.session = session_id{1};
    m.epoch = ~0u - static_cast<std::uint32_t>(i % 2);
    m.detail = i % 3 == 0 ? "mic" : "";
  }
  return m;
}

}  // namespace

int main(int n, char** a) {
  if (n != 9) return 2;
  using namespace std::chrono_literals;
  listener events;
  node_options o;
  o.name = a[1];
  o.listen = a[3];
  o.secret_key = *read_secret_key(a[2]);
  o.graph_hash = a[6];
  o.schema_hash = schema_hash();
  o.shared_memory = false;
  peer_options p;
  p.name = a[4];
  p.public_key = *read_public_key(a[5]);
  o.peers.push_back(p);
  auto made = node::open(o, events);
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().message.c_str());
    return 1;
  }
  auto& us = **made;
  us.begin();
  while (!events.up) std::this_thread::sleep_for(20ms);
  for (const std::int64_t greeting : {0, 1}) {
    host_message here;
    here.what = host_event::ready;
    here.value = greeting;
    here.values = {0};
    us.send_control(p.name, here);
    std::this_thread::sleep_for(1s);
  }
  const long count = std::atol(a[8]);
  for (long i = 0; i < count; ++i)
    while (!us.send_control(p.name, message_of(a[7], i))) std::this_thread::sleep_for(2ms);
  us.flush(20'000);
  std::this_thread::sleep_for(2s);
  std::puts("DONE");
}
