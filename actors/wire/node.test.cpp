// Two nodes in one process: packets, credit, control, security, and what happens on bad neighbours.
#include "actors/wire/node.hpp"

#include <thread>

#include "actors/wire/two_nodes.test.hpp"
#include "graph/core/clock.hpp"

using namespace hocket;
using namespace hocket::wire;
using namespace hocket::wire::testing;

TEST_CASE("packets cross over tcp and ipc, with and without keys, unchanged and without copies") {
  for (const bool keys : {false, true})
    for (const bool ipc : {false, true}) {
      CAPTURE(keys);
      CAPTURE(ipc);
      pair_of_options o(keys);
      if (ipc) o.left.listen = "ipc://" + o.place.path + "/lane";
      two_nodes n(o);
      n.wait_up();
      const auto big = numbers(300'000, 0.25f, 1);
      const auto copies = buffer::copies_made();
      send_when_possible(*n.right, n.right_host, 1, words("hello", 0));
      send_when_possible(*n.right, n.right_host, 1, big);
      REQUIRE(n.left_host.wait_packets(2));
      const auto& got = n.left_host.packets;
      CHECK(got[0].get_if<text>()->value == "hello");
      CHECK(got[0].header.session == static_cast<session_id>(5));
      CHECK(got[0].header.ts == timestamp::of_ms(7));
      const auto* t = got[1].get_if<tensor>();
      REQUIRE(t != nullptr);
      CHECK(t->data.as<float>().size() == 300'000);
      CHECK(t->data.as<float>()[299'999] == 0.25f);
      // At most one: a frame may come off the socket unaligned for its elements.
      CHECK(buffer::copies_made() - copies <= 1);
      n.left->consumed(1, 2);
      CHECK(n.right->flush(20'000));
      const auto s = n.right->status();
      CHECK(account(s, 1).delivered == 2);
      CHECK(s.peers[0].bytes_out > 1'200'000);
      CHECK(n.left->status().peers[0].bytes_in == s.peers[0].bytes_out);
      CHECK(s.law_holds());
      CHECK(n.left->status().law_holds());
      CHECK_FALSE(s.peers[0].shared_memory);
    }
}

TEST_CASE("shared memory is chosen by itself on one machine, and bulk bytes lie in it") {
  pair_of_options o(true, true);
  two_nodes n(o);
  n.wait_up();
  REQUIRE(eventually([&] { return n.right->status().peers[0].shared_memory; }));
  REQUIRE(eventually([&] { return n.left->status().peers[0].shared_memory; }));
  CHECK(std::filesystem::is_empty(o.place.path));  // unlinked as soon as both had mapped it
  n.left_host.consumes = n.left.get();
  for (int i = 0; i < 200; ++i)
    send_when_possible(*n.right, n.right_host, 2, numbers(50'000, static_cast<float>(i)));
  REQUIRE(n.left_host.wait_packets(200));
  std::lock_guard lock(n.left_host.mutex);
  std::size_t seen = 0;
  for (const auto& p : n.left_host.packets)
    if (const auto* t = p.get_if<tensor>()) {
      REQUIRE(t->data.as<float>()[49'999] == static_cast<float>(seen));
      ++seen;
    }
  CHECK(seen == 200);
  const auto s = n.right->status();
  CHECK(s.law_holds());
  // The recorder keeps all packets, so the arena filled up: the rest took the socket, in order.
  CHECK(n.left->status().peers[0].bytes_in == s.peers[0].bytes_out);
  CHECK(s.peers[0].shm_packets > 10);
  CHECK(s.peers[0].shm_fallbacks > 10);
}

TEST_CASE(
    "a lossless link stops at its credit, loses nothing, and does not hold its neighbour up") {
  pair_of_options o(false);
  two_nodes n(o);
  n.wait_up();
  send_when_possible(*n.right, n.right_host, 2, words("x", 0));
  std::uint64_t sent = 1;
  while (n.right->send(2, words("x", sent)) == sent_how::sent) ++sent;
  CHECK(sent == 16);
  // The consumer of link 2 does nothing; link 1 flows on.
  for (std::uint64_t i = 0; i < 200; ++i) {
    send_when_possible(*n.right, n.right_host, 1, words("y", i));
    REQUIRE(n.left_host.wait([&] { return n.left_host.arrived[1] == i + 1; }));
    n.left->consumed(1);
  }
  REQUIRE(n.left_host.wait([&] { return n.left_host.arrived[2] == 16; }));
  n.left_host.consumes = n.left.get();
  n.left->consumed(2, 16);
  for (; sent < 500; ++sent) send_when_possible(*n.right, n.right_host, 2, words("x", sent));
  REQUIRE(n.left_host.wait([&] { return n.left_host.arrived[2] == 500; }));
  CHECK(n.right->flush(20'000));
  const auto s = n.right->status();
  CHECK(account(s, 2).sent == 500);
  CHECK(account(s, 2).delivered == 500);
  CHECK(account(s, 2).no_credit > 0);
  CHECK(s.law_holds());
}

TEST_CASE("what closes a stream never overtakes its packets; other control does not wait") {
  for (const bool shm : {false, true}) {
    pair_of_options o(false, shm);
    two_nodes n(o);
    n.wait_up();
    for (std::uint64_t round = 0; round < 20; ++round) {
      for (std::uint64_t i = 0; i < 10; ++i)
        send_when_possible(*n.right, n.right_host, 1, numbers(1000, 1, round * 10 + i));
      const host_message end{stream_end{static_cast<session_id>(round)}, 1, true};
      REQUIRE(n.right->send_control("left", end));
      REQUIRE(n.left_host.wait([&] { return n.left_host.messages.size() == round + 1; }));
      CHECK(n.left_host.packets_before_message[round] == (round + 1) * 10);
      CHECK(std::get<stream_end>(n.left_host.messages[round].event).session ==
            static_cast<session_id>(round));
      n.left->consumed(1, 10);
    }
    CHECK_FALSE(n.right->send_control("nobody", {}));
  }
}

TEST_CASE("both directions, a receiver without room, and contents that cannot be sent") {
  pair_of_options o(false);
  o.right.limits.head_bytes = 2000;
  two_nodes n(o);
  n.wait_up();
  send_when_possible(*n.left, n.left_host, 3, words("back"));
  REQUIRE(n.right_host.wait_packets(1));
  n.right->consumed(3);
  CHECK(n.right->send(1, words(std::string(5000, 'x'))) == sent_how::unsendable);
  CHECK(n.right->send(1, words("\xff\xfe")) == sent_how::unsendable);
  {
    std::lock_guard lock(n.left_host.mutex);
    n.left_host.has_room = false;
  }
  for (int i = 0; i < 40; ++i) send_when_possible(*n.right, n.right_host, 1, words("no"));
  CHECK(n.right->flush(20'000));
  CHECK(n.left->flush(20'000));
  const auto left = n.left->status();
  CHECK(account(left, 1).dropped[static_cast<std::size_t>(wire_drop::no_room)] == 40);
  CHECK(left.law_holds());
  CHECK(account(left, 3).delivered == 1);
}

TEST_CASE("the peer's clock is found, and header times are in ours") {
  pair_of_options o(false);
  two_nodes n(o);
  n.wait_up();
  auto p = words("t");
  p.header.origin_ns = monotonic_ns();
  p.header.way.push({3, p.header.origin_ns + 1, p.header.origin_ns + 2, p.header.origin_ns + 3});
  REQUIRE(eventually([&] { return n.right->status().peers[0].clock.samples >= 3; }));
  const auto s = n.right->status().peers[0];
  CHECK(std::abs(s.clock.offset_ns) <= s.clock.uncertainty_ns);
  CHECK(s.state_ms >= 0);
  CHECK(s.state_ms < 30'000);
  send_when_possible(*n.right, n.right_host, 1, p);
  REQUIRE(n.left_host.wait_packets(1));
  // One machine: the very same clock.
  CHECK(n.left_host.packets[0].header.origin_ns == p.header.origin_ns);
  CHECK(n.left_host.packets[0].header.way.hops[0].emitted_ns == p.header.origin_ns + 3);
}

TEST_CASE("options that cannot work are refused before anything starts") {
  recorder host;
  auto code = [&](node_options o) {
    const auto n = node::open(std::move(o), host);
    return n ? std::string("fine") : n.error().code;
  };
  const pair_of_options good(true);
  auto o = good.left;
  CHECK(code(o) == "fine");
  o.listen = "tcp://0.0.0.0:0";
  CHECK(code(o) == "fine");
  o.secret_key.clear();
  CHECK(code(o) == "wire.plaintext");
  o.insecure = true;
  CHECK(code(o) == "fine");
  o = good.left;
  o.listen = "nowhere";
  CHECK(code(o) == "wire.bad_address");
  o = good.left;
  o.listen = "tcp://203.0.113.1:0";
  CHECK(code(o) == "wire.cannot_listen");
  o = good.left;
  o.secret_key = "short";
  CHECK(code(o) == "wire.bad_key");
  o = good.left;
  o.peers[0].public_key = "short";
  CHECK(code(o) == "wire.bad_key");
  o = good.left;
  o.listen.clear();
  CHECK(code(o) == "wire.bad_option");
  o = good.left;
  o.links[0].peer = "nobody";
  CHECK(code(o) == "wire.bad_option");
  o = good.left;
  o.links[0].id = o.links[1].id;
  CHECK(code(o) == "wire.bad_option");
  o = good.left;
  o.peers[0].address = "tcp://203.0.113.1:7400";
  o.secret_key.clear();
  CHECK(code(o) == "wire.plaintext");
}
