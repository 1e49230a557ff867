#include <cstring>

#include "actors/wire/peer.hpp"
#include "graph/core/assert.hpp"
#include "graph/core/clock.hpp"
#include "tests/fuzz/targets.hpp"

// Input: what a peer sends over the whole of a connection, from its greeting on: messages of both
// lanes, each a byte (which lane, whether we look after our own business first), its length in two
// bytes and its bytes. They go to the listening side of a peer; its answers find no socket.
namespace hocket::fuzz {
namespace {

using namespace hocket::wire;

/// A host that takes everything and knows the order in which it may be told things.
struct host final : node_events {
  peer* from = nullptr;
  bool up = false;
  std::uint64_t taken = 0;
  bool packet_arrived(std::uint32_t link, packet&&) override {
    HOCKET_ASSERT(up);
    if (++taken % 5 == 0) return false;
    if (taken % 2 == 0) from->consumed(link, 1);
    return true;
  }
  void control_arrived(const std::string& name, const host_message&) override {
    HOCKET_ASSERT(up && name == "right");
  }
  void room_again(std::uint32_t) override { HOCKET_ASSERT(up); }
  void peer_changed(const std::string&, peer_state s, const std::string&, bool) override {
    up = s == peer_state::up || s == peer_state::suspect;
  }
  void gap(std::uint32_t, session_id, std::uint64_t, std::uint64_t) override { HOCKET_ASSERT(up); }
};

node_options options() {
  node_options o;
  o.name = "left";
  o.graph_hash = o.schema_hash = "abc";
  o.shared_memory = false;
  for (const std::uint32_t id : {1u, 2u}) {
    remote_link l;
    l.id = id;
    l.peer = "right";
    l.outgoing = id == 2;
    l.how = delivery::lossless;
    l.credit_packets = 8;
    l.credit_bytes = 4000;
    o.links.push_back(l);
  }
  return o;
}

/// A context with its threads is costly: one for all inputs. Its sockets have no other end.
struct stage {
  host events;
  node_core core{options(), events};
  stage() {
    core.us = {"left", 5, "abc", "abc", "", false};
    for (auto* name : {"inproc://control", "inproc://data"}) {
      auto s = std::make_unique<zmq_socket>(core.context, zmq_socket::kind::router, 1u << 20,
                                            zmq_security{}, "");
      HOCKET_ASSERT(s->bind(name).has_value());
      if (!core.control_router)
        core.control_router = std::move(s);
      else
        core.data_router = std::make_shared<shared_socket>(std::move(s), [] {});
    }
  }
};

void run(std::span<const std::uint8_t> bytes) {
  static stage all;
  all.events = {};
  peer p(all.core, {"right", "", ""}, all.core.options.links);
  all.events.from = &p;
  const auto words = make_packet(timestamp(), text{"words", "user"});
  auto left = std::as_bytes(bytes);
  while (left.size() >= 3) {
    const auto how = std::to_integer<unsigned>(left[0]);
    const auto size = std::min<std::size_t>(
        std::to_integer<std::size_t>(left[1]) | std::to_integer<std::size_t>(left[2]) << 8,
        left.size() - 3);
    const auto message = left.subspan(3, size);
    left = left.subspan(3 + size);
    if ((how & 2u) != 0) {
      p.work(monotonic_ns());
      (void)p.send(2, words);
    }
    if ((how & 1u) != 0) {
      const buffer bulk[] = {buffer::copy_of(message.subspan(0, std::min<std::size_t>(size, 7)))};
      p.data_message("route", message, std::span(bulk).subspan(0, (how & 4u) != 0 ? 1 : 0), nullptr,
                     monotonic_ns());
    } else if (const auto f = decode_control(message)) {
      p.control_message("route", "", *f);
    } else {
      p.garbage();
    }
    std::vector<wire_account> books;
    p.accounts(books);
    for (const auto& b : books) HOCKET_ASSERT(b.adds_up() && b.in_flight < 100'000);
  }
  p.work(monotonic_ns());
  p.close();
}

void add(std::string& to, unsigned how, const std::string& message) {
  to += static_cast<char>(how);
  to += static_cast<char>(message.size() & 255);
  to += static_cast<char>(message.size() >> 8);
  to += message;
}

std::string whole_packet() {
  const auto coded = encode(make_packet(timestamp(), text{"hello", "user"}), codec_limits{});
  return coded.value().head;
}

std::vector<std::string> seeds() {
  hello h;
  h.host = "right";
  h.incarnation = 9;
  h.graph_hash = h.schema_hash = "abc";
  const auto control = [](control_body b) { return encode(control_frame{77, std::move(b)}); };
  const auto data = [](std::vector<data_record> r) { return encode(data_frame{77, std::move(r)}); };
  const numbered_message end{0, 1, {stream_end{session_id{1}}, 1, true}};
  const numbered_message ready{0, 0, {actors_open{}}};
  const packet_record first{0, whole_packet(), {}};
  std::vector<std::string> out(4);
  auto& talk = out[0];  // all goes well
  add(talk, 0, control(h));
  add(talk, 1, data({{2, resume_record{{0, 0, 0}, 8, 4000}}, {0, beat{1, 0, 0, 0}}}));
  add(talk, 2, control(beat{1, 2, 3, 4}));
  add(talk, 0, control(end));
  add(talk, 3, data({{1, first}, {2, ack_record{1, 1, 4}}}));
  add(talk, 2, control(message_ack{0}));
  add(talk, 0, control(goodbye{"it ended"}));
  auto& early = out[1];  // a letter before the first data, a gap
  add(early, 0, control(h));
  add(early, 0, control(ready));
  add(early, 1, data({{1, gap_record{0, 3, 20, {{5, 0, 2}}}}}));
  auto& again = out[2];  // the same process connects anew, then another one
  add(again, 0, control(h));
  add(again, 1, data({{0, beat{1, 0, 0, 0}}}));
  h.knows = 5;
  add(again, 2, encode(control_frame{78, h}));
  add(again, 1, encode(data_frame{78, {{1, first}}}));
  h.incarnation = 10;
  add(again, 2, encode(control_frame{79, h}));
  add(again, 1, encode(data_frame{79, {{1, first}}}));
  auto& stranger = out[3];  // another graph; offers that nobody asked for
  h.graph_hash = "other";
  add(stranger, 0, control(h));
  add(stranger, 0, control(refusal{"wire.wrong_graph", "differs"}));
  add(stranger, 0, control(shm_offer{"hocket-arena-1-2-3", 1 << 20}));
  add(stranger, 0, control(shm_answer{std::string(32, 's'), ""}));
  return out;
}

}  // namespace

extern const target wire_peer;
const target wire_peer = {"wire_peer", run, seeds};

}  // namespace hocket::fuzz
