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
    const auto* answer = std::get_if<rewire_answer>(&m.event);
    if (answer == nullptr) return;
    std::printf("ANSWER %s %s\n", answer->outcome->code.c_str(), answer->outcome->why.c_str());
    std::fflush(stdout);
  }
  void room_again(std::uint32_t) override {}
  void peer_changed(const std::string&, peer_state s, const std::string&, bool) override {
    if (s == peer_state::up) up = true;
  }
  void gap(std::uint32_t, session_id, std::uint64_t, std::uint64_t) override {}
  std::atomic<bool> up{false};
};

host_event event_of(const std::string& mode, std::uint64_t i) {
  if (mode == "epoch")
    return epoch_raised{session_id{1}, ~0u - static_cast<std::uint32_t>(i % 2),
                        i % 3 == 0 ? "mic" : ""};
  if (mode == "answer") {
    rewire_outcome out;
    out.why = std::string(200'000, 'A');
    return rewire_answer{i + 1, std::make_shared<const rewire_outcome>(std::move(out))};
  }
  if (mode == "stop")
    return stop_run{i % 2 == 0 ? end_reason::stopped : end_reason::failed, "\x1b[31mhunter2\nx"};
  rewire_request ask;
  ask.file = "x/g.yaml";
  ask.dry_run = true;
  ask.prepare_limit_s = 10;
  const char* what = std::getenv("READ");
  ask.text = std::string("hocket: 1\nname: case\nactors:\n  x: ") +
             (mode == "read" && what != nullptr ? what : "") + "\n";
  return rewire_ask{i + 1, std::make_shared<const rewire_request>(std::move(ask))};
}

host_message message_of(host_event event) {
  host_message m;
  m.event = std::move(event);
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
  us.send_control(p.name, message_of(host_present{}));
  std::this_thread::sleep_for(1s);
  us.send_control(p.name, message_of(actors_open{}));
  std::this_thread::sleep_for(1s);
  const auto count = static_cast<std::uint64_t>(std::atol(a[8]));
  for (std::uint64_t i = 0; i < count; ++i)
    while (!us.send_control(p.name, message_of(event_of(a[7], i))))
      std::this_thread::sleep_for(2ms);
  us.flush(20'000);
  std::this_thread::sleep_for(2s);
  std::puts("DONE");
}
