// What happens to a node when the other side, or the way to it, is bad.
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <thread>

#include "actors/wire/address.hpp"
#include "actors/wire/cable.test.hpp"
#include "actors/wire/node.hpp"
#include "actors/wire/two_nodes.test.hpp"
#include "graph/schema/wire_messages.hpp"

using namespace hocket;
using namespace hocket::wire;
using namespace hocket::wire::testing;

namespace {

/// Two nodes whose control lane runs over a cable. The data lane goes directly.
struct cabled_nodes {
  recorder left_host, right_host;
  std::unique_ptr<node> left, right;
  std::unique_ptr<cable> control;

  explicit cabled_nodes(pair_of_options& o) {
    left = node::open(o.left, left_host).value();
    control = std::make_unique<cable>(address::parse(left->listening())->port);
    o.right.peers[0].address = "tcp://127.0.0.1:" + std::to_string(control->port());
    right = node::open(o.right, right_host).value();
    left->begin();
    right->begin();
    REQUIRE(left_host.wait_state(peer_state::up));
    REQUIRE(right_host.wait_state(peer_state::up));
  }
};

/// Plays a peer with bare sockets: plaintext on loopback only.
struct bare_peer {
  address at;
  void* context = zmq_ctx_new();
  std::vector<void*> sockets;
  void* control;

  explicit bare_peer(const node& n)
      : at(*address::parse(n.listening())), control(dealer(at.to_string())) {}
  ~bare_peer() {
    for (auto* s : sockets) zmq_close(s);
    zmq_ctx_term(context);
  }
  void* dealer(const std::string& where) {
    void* s = sockets.emplace_back(::zmq_socket(context, ZMQ_DEALER));
    const int zero = 0, limit_ms = 20'000;
    zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(s, ZMQ_RCVTIMEO, &limit_ms, sizeof limit_ms);
    REQUIRE(zmq_connect(s, where.c_str()) == 0);
    return s;
  }
  static void send(void* s, const std::string& bytes) {
    REQUIRE(zmq_send(s, bytes.data(), bytes.size(), 0) == static_cast<int>(bytes.size()));
  }
  static hello greeting() {
    hello h;
    h.host = "right";
    h.incarnation = 9;
    h.graph_hash = "graph";
    h.schema_hash = "schema";
    return h;
  }
  control_frame receive() const {
    char block[4096];
    const int size = zmq_recv(control, block, sizeof block, 0);
    REQUIRE(size > 0);
    return decode_control(std::as_bytes(std::span(block, static_cast<std::size_t>(size)))).value();
  }
};

}  // namespace

TEST_CASE("cut and healed: lossless loses nothing and repeats nothing, bounded announces its gap") {
  for (const bool keys : {false, true}) {
    CAPTURE(keys);
    pair_of_options o(keys);
    cabled_nodes n(o);
    n.left_host.consumes = n.left.get();
    std::uint64_t sent = 0, other = 0;
    for (int round = 0; round < 5; ++round) {
      REQUIRE(n.left_host.wait_state(peer_state::up));
      REQUIRE(n.right_host.wait_state(peer_state::up));
      for (int i = 0; i < 30; ++i) {
        send_when_possible(*n.right, n.right_host, 2, words("x", sent++));
        n.right->send(1, words("y", other++));
        if (i == 15) n.control->cut();
      }
      REQUIRE(n.left_host.wait([&] { return n.left_host.arrived[2] == sent; }));
      const auto again = static_cast<std::uint64_t>(round) + 2;
      REQUIRE(eventually([&] { return n.right->status().peers[0].connects == again; }));
    }
    // Behind every gap.
    send_when_possible(*n.right, n.right_host, 1, words("last"));
    REQUIRE(n.left_host.wait(
        [&] { return n.left_host.packets.back().get_if<text>()->value == "last"; }));
    CHECK(n.right->flush(20'000));
    {
      std::lock_guard lock(n.left_host.mutex);
      std::uint64_t next = 0;
      for (const auto& p : n.left_host.packets)
        if (p.get_if<text>()->value == "x") REQUIRE(p.header.seq == next++);
      CHECK(next == sent);
      // Each came back to the same process: its sessions go on.
      for (std::size_t i = 1; i < n.left_host.changes.size(); ++i)
        if (n.left_host.changes[i].state == peer_state::up)
          CHECK_FALSE(n.left_host.changes[i].restarted);
    }
    const auto s = n.right->status();
    CHECK(s.law_holds());
    CHECK(account(s, 2).sent == sent);
    CHECK(account(s, 2).dropped_total() == 0);
    const auto left = n.left->status();
    CHECK(left.law_holds());
    CHECK(account(left, 1).gaps == account(s, 1).dropped[0]);
    CHECK(s.peers[0].connects == 6);
  }
}

TEST_CASE("half-open: nothing closes and nothing passes; both notice by silence and recover") {
  pair_of_options o(true);
  o.lose_soon();
  cabled_nodes n(o);
  send_when_possible(*n.right, n.right_host, 2, words("before"));
  REQUIRE(n.left_host.wait_packets(1));
  n.left->consumed(2);
  n.control->block(true);
  REQUIRE(n.right_host.wait([&] {
    return !n.right_host.changes.empty() && n.right_host.changes.back().state == peer_state::lost;
  }));
  REQUIRE(n.left_host.wait([&] {
    return !n.left_host.changes.empty() && n.left_host.changes.back().state == peer_state::lost;
  }));
  CHECK(n.right->send(1, words("nobody")) == sent_how::no_peer);
  bool was_suspect = false;
  std::unique_lock lock(n.left_host.mutex);
  for (const auto& c : n.left_host.changes)
    was_suspect = was_suspect || c.state == peer_state::suspect;
  CHECK(was_suspect);
  CHECK(n.left_host.changes.back().reason.find("silent: control lane for") == 0);
  lock.unlock();
  n.control->block(false);
  n.control->cut();
  REQUIRE(n.left_host.wait_state(peer_state::up));
  send_when_possible(*n.right, n.right_host, 2, words("after"));
  REQUIRE(n.left_host.wait_packets(2));
  CHECK(n.left->status().law_holds());
}

TEST_CASE("one direction dead: who hears nothing tells the other, who would wait as long again") {
  pair_of_options o(true);
  o.lose_soon();
  cabled_nodes n(o);
  n.control->block_forth(true);
  REQUIRE(n.left_host.wait_state(peer_state::lost));
  CHECK(n.left_host.last_change().reason.find("silent: control lane for") == 0);
  REQUIRE(n.right_host.wait([&] {
    return std::any_of(n.right_host.changes.begin(), n.right_host.changes.end(), [](const auto& c) {
      return c.reason.find("it said goodbye: silent: control lane for") == 0;
    });
  }));
  n.control->block_forth(false);
  n.control->cut();
  REQUIRE(n.left_host.wait_state(peer_state::up));
  REQUIRE(n.right_host.wait_state(peer_state::up));
  CHECK(n.left->status().law_holds());
}

TEST_CASE(
    "a peer that restarts is a new one: numbering begins afresh, unconsumed packets come again") {
  pair_of_options o(false);
  o.left.listen = "ipc://" + o.place.path + "/lane";
  auto left_host = std::make_unique<recorder>();
  recorder right_host;
  auto left = node::open(o.left, *left_host).value();
  o.right.peers[0].address = left->listening();
  auto right = node::open(o.right, right_host).value();
  left->begin();
  right->begin();
  REQUIRE(right_host.wait_state(peer_state::up));
  for (std::uint64_t i = 0; i < 6; ++i) send_when_possible(*right, right_host, 2, words("x", i));
  REQUIRE(left_host->wait_packets(6));
  left->consumed(2, 4);  // due: told at once
  REQUIRE(eventually([&] { return account(right->status(), 2).in_flight == 2; }));
  left.reset();  // two of them die in its queue
  REQUIRE(right_host.wait_state(peer_state::lost));
  left_host = std::make_unique<recorder>();
  left = node::open(o.left, *left_host).value();
  left->begin();
  REQUIRE(right_host.wait_state(peer_state::up));
  CHECK(right_host.last_change().restarted);
  REQUIRE(left_host->wait_packets(2));
  CHECK(left_host->packets[0].header.seq == 4);
  CHECK(left_host->packets[1].header.seq == 5);
  left->consumed(2, 2);
  CHECK(right->flush(20'000));
  const auto s = right->status();
  CHECK(account(s, 2).delivered == 6);
  CHECK(account(s, 2).sent_again == 2);
  CHECK(s.law_holds());
}

TEST_CASE("a host that does not fit is refused on both sides, both values named") {
  pair_of_options o(true);
  std::string code;
  SUBCASE("graph") { o.right.graph_hash = "other graph", code = "wire.wrong_graph"; }
  SUBCASE("schema") { o.right.schema_hash = "other schema", code = "wire.wrong_schema"; }
  SUBCASE("name") { o.right.name = "stranger", code = "wire.wrong_name"; }
  CAPTURE(code);
  two_nodes n(o);
  REQUIRE(n.right_host.wait_state(peer_state::refused));
  const auto reason = n.right_host.last_change().reason;
  CHECK(reason.find(code) != std::string::npos);
  if (code == "wire.wrong_graph")
    CHECK(reason.find("left has graph, right has other graph") != std::string::npos);
  if (code != "wire.wrong_name") {
    REQUIRE(n.left_host.wait_state(peer_state::refused));
    CHECK(n.left_host.last_change().reason.find("differs") != std::string::npos);
  }
  CHECK(n.left->status().refused > 0);
}

TEST_CASE("a wrong key never gets as far as a handshake") {
  pair_of_options o(true);
  std::string expected;
  SUBCASE("ours is not on their list") {
    o.right.secret_key = make_keys()->secret_key;
    expected = "does not accept our key";
  }
  SUBCASE("theirs is not the one we know") {
    o.right.peers[0].public_key = make_keys()->public_key;
    expected = "another key than in our graph";
  }
  SUBCASE("plaintext against keys") {
    o.right.secret_key.clear();
    expected = "plaintext against keys";
  }
  two_nodes n(o);
  REQUIRE(n.right_host.wait_state(peer_state::refused));
  CHECK(n.right_host.last_change().reason.find(expected) != std::string::npos);
  std::lock_guard lock(n.left_host.mutex);
  CHECK(n.left_host.changes.empty());
}

TEST_CASE("who takes a connection and says nothing is waited for, not refused") {
  pair_of_options o(true);
  int port = 0;
  const int mute = listen_at(0, port);
  REQUIRE(mute >= 0);
  o.right.peers[0].address = "tcp://127.0.0.1:" + std::to_string(port);
  recorder host;
  {
    auto n = node::open(o.right, host).value();
    n->begin();
    REQUIRE(host.wait([&] { return !host.changes.empty(); }));
    CHECK(host.changes[0].state == peer_state::connecting);
    CHECK(host.changes[0].reason.find("does not answer") != std::string::npos);
  }
  close(mute);
}

TEST_CASE("garbage on the port does not disturb those who talk") {
  for (const bool keys : {false, true}) {
    pair_of_options o(keys);
    two_nodes n(o);
    n.wait_up();
    const auto at = *address::parse(n.left->listening());
    const std::string signature = std::string("\xff\0\0\0\0\0\0\0\x01\x7f", 10) + "\x03";
    for (const auto& junk : {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
                             std::string(10'000, '\xff'), signature + std::string(200, '\x7f')}) {
      const int fd = connect_to(at.port);
      (void)!::send(fd, junk.data(), junk.size(), MSG_NOSIGNAL);
      close(fd);
    }
    send_when_possible(*n.right, n.right_host, 2, words("fine"));
    REQUIRE(n.left_host.wait_packets(1));
    CHECK(n.left->status().law_holds());
  }
}

TEST_CASE("a peer with a good handshake and bad messages is cut off and counted") {
  pair_of_options o(false);
  recorder host;
  auto n = node::open(o.left, host).value();
  n->begin();
  bare_peer peer(*n);
  peer.send(peer.control, "not a message");
  peer.send(peer.control, encode(control_frame{77, peer.greeting()}));
  const auto answer = peer.receive();
  const auto* theirs = std::get_if<hello>(&answer.body);
  REQUIRE(theirs != nullptr);
  void* data = peer.dealer(peer.at.with_announced(theirs->data_lane)->to_string());
  data_frame f{77, {{0, beat{1, 0, 0, 0}}}};
  peer.send(data, encode(f));
  REQUIRE(host.wait_state(peer_state::up));
  SUBCASE("an unknown link") { f.records = {{99, packet_record{0, "", {}}}}; }
  SUBCASE("a missing bulk frame") {
    packet_record p{0, "", {}};
    p.bulk.push_back({bulk_place::way::frame, "", 0, 0, 10});
    f.records = {{1, p}};
  }
  SUBCASE("an arena that there is not") {
    packet_record p{0, "", {}};
    p.bulk.push_back({bulk_place::way::arena, "", 0, 0, 10});
    f.records = {{1, p}};
  }
  SUBCASE("a flood beyond the credit") { f.records = {{1, packet_record{16, "x", {}}}}; }
  SUBCASE("credit for packets that were never sent") { f.records = {{3, ack_record{5, 5, 5}}}; }
  peer.send(data, encode(f));
  REQUIRE(host.wait_state(peer_state::lost));
  CHECK(host.last_change().reason.find("it broke the protocol") == 0);
  const auto s = n->status();
  CHECK(s.peers[0].malformed > 0);
  CHECK(s.refused > 0);
  CHECK(s.law_holds());
}

TEST_CASE("a host message that overtakes the first data is told after the peer is up") {
  pair_of_options o(false);
  recorder host;
  auto n = node::open(o.left, host).value();
  n->begin();
  bare_peer peer(*n);
  peer.send(peer.control, encode(control_frame{77, peer.greeting()}));
  const auto answer = peer.receive();
  const auto* theirs = std::get_if<hello>(&answer.body);
  REQUIRE(theirs != nullptr);
  peer.send(peer.control, encode(control_frame{77, numbered_message{0, 0, {actors_open{}}}}));
  REQUIRE(std::holds_alternative<message_ack>(peer.receive().body));
  {
    std::lock_guard lock(host.mutex);
    CHECK(host.changes.empty());
    CHECK(host.messages.empty());
  }
  void* data = peer.dealer(peer.at.with_announced(theirs->data_lane)->to_string());
  peer.send(data, encode(data_frame{77, {{0, beat{1, 0, 0, 0}}}}));
  REQUIRE(host.wait_state(peer_state::up));
  CHECK(host.wait([&] { return host.messages.size() == 1; }));
}

TEST_CASE("another protocol version is refused with both named, before anything else counts") {
  pair_of_options o(false);
  recorder host;
  auto n = node::open(o.left, host).value();
  n->begin();
  bare_peer peer(*n);
  auto h = peer.greeting();
  SUBCASE("an older one") { h.protocol = 1; }
  SUBCASE("a newer one") { h.protocol = 99; }
  peer.send(peer.control, encode(control_frame{77, h}));
  const auto answer = peer.receive();
  const auto* no = std::get_if<refusal>(&answer.body);
  REQUIRE(no != nullptr);
  CHECK(no->code == "wire.wrong_version");
  CHECK(no->text.find("left has 2, right has " + std::to_string(h.protocol)) != std::string::npos);
  REQUIRE(host.wait_state(peer_state::refused));
  CHECK(host.last_change().reason.find("left has 2, right has") != std::string::npos);
}

TEST_CASE("a message above the limit ends the connection of its sender and nobody else's") {
  pair_of_options o(false);
  two_nodes n(o);
  n.wait_up();
  bare_peer stranger(*n.left);
  stranger.send(stranger.control, std::string(3u << 20, 'x'));
  for (std::uint64_t i = 0; i < 10; ++i) {
    send_when_possible(*n.right, n.right_host, 2, words("fine", i));
    REQUIRE(n.left_host.wait_packets(i + 1));
    n.left->consumed(2);
  }
  CHECK(n.left->status().law_holds());
  CHECK(n.left_host.last_change().state == peer_state::up);
}

TEST_CASE("a packet that does not decode is dropped and counted; the link goes on") {
  pair_of_options o(false);
  o.left.limits.head_bytes = 300;
  two_nodes n(o);
  n.wait_up();
  send_when_possible(*n.right, n.right_host, 2, words(std::string(1000, 'x')));
  send_when_possible(*n.right, n.right_host, 2, words("small"));
  REQUIRE(n.left_host.wait_packets(1));
  CHECK(n.left_host.packets[0].get_if<text>()->value == "small");
  n.left->consumed(2);
  CHECK(n.right->flush(20'000));
  const auto s = n.left->status();
  CHECK(account(s, 2).dropped[static_cast<std::size_t>(wire_drop::undecodable)] == 1);
  CHECK(s.law_holds());
}
