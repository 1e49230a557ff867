// Links between two nodes that come and go while packets flow.
#include <doctest/doctest.h>

#include "actors/wire/address.hpp"
#include "actors/wire/cable.test.hpp"
#include "actors/wire/two_nodes.test.hpp"

using namespace hocket;
using namespace hocket::wire;
using namespace hocket::wire::testing;

namespace {

/// Link 4 from right to left, which comes and goes.
remote_link fourth(bool outgoing) {
  remote_link l;
  l.id = 4;
  l.name = "link 4";
  l.peer = outgoing ? "left" : "right";
  l.outgoing = outgoing;
  l.how = delivery::lossless;
  l.credit_packets = 16;
  return l;
}

void add_on_both(two_nodes& n) {
  REQUIRE(n.right->add_link(fourth(true)));
  CHECK(n.right->send(4, words("early")) == sent_how::no_peer);  // nobody has granted anything
  REQUIRE(n.left->add_link(fourth(false)));
  n.left->open_link(4);
}

}  // namespace

TEST_CASE("a link between two nodes is added while others are busy, and retired while it is full") {
  for (const bool memory : {false, true}) {
    CAPTURE(memory);
    pair_of_options o(false, memory);
    two_nodes n(o);
    n.wait_up();
    n.left_host.consumes = n.left.get();
    std::atomic<bool> over{false};
    std::uint64_t others = 0;
    std::thread busy([&] {
      for (; !over; ++others) send_when_possible(*n.right, n.right_host, 2, numbers(500, 1.f));
    });
    add_on_both(n);
    for (std::uint64_t i = 0; i < 100; ++i)
      send_when_possible(*n.right, n.right_host, 4, numbers(i % 3 == 0 ? 5000 : 10, 2.f, i));
    n.left_host.consumes = nullptr;  // from here on nothing leaves a queue
    std::uint64_t sent = 100;
    while (n.right->send(4, numbers(10, 2.f, sent)) == sent_how::sent) ++sent;
    n.right->retire_link(4);
    n.left->retire_link(4);
    const host_message last{link_ended{2}, 4, true};
    REQUIRE(n.right->send_control("left", last));
    REQUIRE(n.left_host.wait([&] { return n.left_host.messages.size() == 1; }));
    CHECK(n.left_host.arrived_on(4) == sent);  // the end came behind the last packet
    n.left->consumed(4, static_cast<std::uint32_t>(sent - account(n.left->status(), 4).delivered));
    REQUIRE(eventually([&] { return account(n.right->status(), 4).in_flight == 0; }));
    CHECK(account(n.right->status(), 4).delivered == sent);

    // It comes back, and goes on with its numbers.
    const auto before = account(n.right->status(), 4).sent;
    REQUIRE(n.right->add_link(fourth(true)));
    REQUIRE(n.left->add_link(fourth(false)));
    n.left->open_link(4);
    n.left_host.consumes = n.left.get();
    n.left->consumed(2, 1000);
    send_when_possible(*n.right, n.right_host, 4, words("again"));
    over = true;
    busy.join();
    REQUIRE(n.left_host.wait([&] { return n.left_host.arrived[2] == others; }));
    REQUIRE(eventually([&] { return n.right->flush(10); }));
    CHECK(account(n.right->status(), 4).sent == before + 1);
    CHECK(n.right->status().law_holds());
    CHECK(n.left->status().law_holds());
    CHECK(n.left->status().peers[0].malformed == 0);
    CHECK(n.right->status().peers[0].connects == 1);
  }
}

TEST_CASE("a connection that breaks around a new link, or a retired one, loses nothing of it") {
  pair_of_options o(false);
  recorder left_host, right_host;
  auto left = node::open(o.left, left_host).value();
  cable control(address::parse(left->listening())->port);
  o.right.peers[0].address = "tcp://127.0.0.1:" + std::to_string(control.port());
  auto right = node::open(o.right, right_host).value();
  left->begin();
  right->begin();
  REQUIRE(right_host.wait_state(peer_state::up));
  const auto connects = [&] { return right->status().peers[0].connects; };
  const auto cut = [&] {
    const auto before = connects();
    control.cut();
    REQUIRE(eventually([&] { return connects() > before; }));
  };
  REQUIRE(right->add_link(fourth(true)));
  cut();  // known to the sender alone
  REQUIRE(left->add_link(fourth(false)));
  cut();  // known to both, and granted by nobody
  CHECK(right->send(4, words("early")) == sent_how::no_peer);
  left->open_link(4);
  std::uint64_t sent = 0;
  for (; sent < 10; ++sent) send_when_possible(*right, right_host, 4, words("a", sent));
  cut();
  for (; sent < 16; ++sent) send_when_possible(*right, right_host, 4, words("a", sent));
  right->retire_link(4);
  left->retire_link(4);
  cut();  // with unconfirmed packets on a retired link
  REQUIRE(left_host.wait([&] { return left_host.arrived[4] == sent; }));
  left->consumed(4, static_cast<std::uint32_t>(sent));
  REQUIRE(eventually([&] { return account(right->status(), 4).in_flight == 0; }));
  CHECK(account(right->status(), 4).delivered == sent);
  CHECK(account(left->status(), 4).delivered == sent);
  std::uint64_t next = 0;
  for (const auto& p : left_host.packets) CHECK(p.header.seq == next++);
  CHECK(left->status().peers[0].malformed == 0);
  CHECK(right->status().peers[0].malformed == 0);
}

TEST_CASE("one process dies while a link is on its way out, the next one knows nothing of it") {
  pair_of_options o(false);
  two_nodes n(o);
  n.wait_up();
  add_on_both(n);
  for (std::uint64_t i = 0; i < 8; ++i)
    send_when_possible(*n.right, n.right_host, 4, words("a", i));
  n.right->retire_link(4);
  n.left->retire_link(4);
  SUBCASE("the receiver") {
    const auto at = n.left->listening();
    n.left.reset();
    recorder again_host;
    o.left.listen = at;
    auto again = open_again(o.left, again_host);
    again->begin();
    REQUIRE(again_host.wait_state(peer_state::up));
    REQUIRE(eventually([&] { return account(n.right->status(), 4).in_flight == 0; }));
    CHECK(account(n.right->status(), 4).dropped_total() == 8);
    CHECK(n.right->status().law_holds());
    CHECK(again->status().peers[0].malformed == 0);
    n.right.reset();
  }
  SUBCASE("the sender") {
    REQUIRE(n.left_host.wait([&] { return n.left_host.arrived[4] == 8; }));
    n.right.reset();
    recorder again_host;
    auto again = open_again(o.right, again_host);
    again->begin();
    REQUIRE(again_host.wait_state(peer_state::up));
    send_when_possible(*again, again_host, 2, words("of another link"));
    REQUIRE(n.left_host.wait([&] { return n.left_host.arrived[2] == 1; }));
    const auto status = again->status();
    CHECK(status.peers[0].malformed == 0);  // it was granted nothing that it does not know
    CHECK(status.peers[0].connects == 1);
    n.left->consumed(4, 8);  // what the dead one sent is still worked through
    CHECK(account(n.left->status(), 4).delivered == 8);
    CHECK(n.left->status().law_holds());
  }
}

TEST_CASE("links that cannot be are refused with the reason") {
  pair_of_options o(false);
  two_nodes n(o);
  auto l = fourth(true);
  l.peer = "nobody";
  CHECK(n.right->add_link(l).error().message == "link link 4: no peer `nobody`");
  l = fourth(true);
  l.id = 0;
  CHECK(n.right->add_link(l).error().code == "wire.bad_option");
  l = fourth(true);
  l.credit_packets = 0;
  CHECK(n.right->add_link(l).error().message == "link link 4: no credit");
}
