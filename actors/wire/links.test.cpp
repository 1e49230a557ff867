// The two ends of a link as state machines: credit, order, loss, and the books, under random
// schedules of reordering, duplication, disconnects and restarts.
#include <set>

#include "actors/wire/link_world.test.hpp"

using namespace hocket;
using namespace hocket::wire;
using namespace hocket::wire::testing;

TEST_CASE("a lossless link delivers each packet once and in order whatever the connection does") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    link_world w(delivery::lossless, seed);
    w.connect(false);
    for (int step = 0; step < 400; ++step) {
      w.step(2, [&] { w.disconnect(), w.connect(false); });
    }
    w.settle();
    CHECK(w.got.size() == w.sent);
    for (std::size_t i = 0; i < w.got.size(); ++i) REQUIRE(w.got[i] == i);
    CHECK(w.out.account().delivered == w.sent);
    CHECK(w.out.account().dropped_total() == 0);
    CHECK(w.in.account().delivered == w.sent);
  }
}

TEST_CASE("a bounded link drops only what was under way, counts it and announces exactly that") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    link_world w(delivery::bounded, seed);
    w.connect(false);
    for (int step = 0; step < 400; ++step) {
      switch (w.dice(14)) {
        case 0: w.disconnect(), w.connect(false); break;
        case 1:
        case 2:
        case 3:
        case 4: w.send(); break;
        case 5:
        case 6:
        case 7: w.arrive(); break;
        case 8:
        case 9: w.consume(); break;
        default: w.confirm();
      }
      w.check();
    }
    w.settle();
    CHECK(w.got.size() + dropped_on_the_way(w) == w.sent);
    CHECK(w.in.account().gaps == dropped_on_the_way(w));
    // Got and announced together are all, each once, and order is kept.
    std::set<std::uint64_t> all;
    for (std::size_t i = 0; i < w.got.size(); ++i) {
      if (i > 0) REQUIRE(w.got[i] > w.got[i - 1]);
      REQUIRE(all.insert(w.got[i]).second);
    }
    for (const auto& l : w.announced)
      for (auto s = l.from_seq; s <= l.to_seq; ++s)
        REQUIRE(all.insert(2 * s + (l.session - 1)).second);
    CHECK(all.size() == w.sent);
  }
}

TEST_CASE("a restarted receiver gets from a lossless link what the dead one had not consumed") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    link_world w(delivery::lossless, seed);
    w.connect(false);
    std::uint64_t consumed = 0;
    for (int step = 0; step < 400; ++step) {
      w.step(2, [&] {
        w.disconnect();
        consumed += w.in.account().delivered;
        w.connect(true);
      });
    }
    w.settle();
    // None is missing; the sender's books hold although the receiver's died three times.
    const std::set<std::uint64_t> distinct(w.got.begin(), w.got.end());
    CHECK(distinct.size() == w.sent);
    CHECK(w.out.account().delivered == w.sent);
    CHECK(w.out.account().dropped_total() == 0);
    // Repeats are at most what was consumed and not yet confirmed: never more than the credit each.
    CHECK(consumed + w.in.account().delivered <= w.sent + w.restarts * 8);
  }
}

TEST_CASE("a bounded link to a restarted receiver confirms, and loses, by its new numbers") {
  out_link out(link_of(delivery::bounded));
  CHECK(out.resume({{0, 0, 0}, 8, 1000}));
  for (std::uint64_t n = 0; n < 5; ++n) out.add(header_of(n), content(10));
  CHECK(out.ack({5, 5, 50}));
  out.add(header_of(5), content(10));
  out.disconnected();
  out.reset();  // the peer is a new process: what was under way is dropped, nobody is told
  CHECK(out.account().dropped_total() == 1);
  CHECK_FALSE(out.resume({{0, 0, 0}, 8, 1000})->gap);
  for (std::uint64_t n = 6; n < 10; ++n) CHECK(out.add(header_of(n), content(10)) == n - 6);
  CHECK(out.ack({3, 3, 30}));
  CHECK(out.account().in_flight == 1);
  CHECK(out.account().delivered == 8);
  out.disconnected();
  const auto again = out.resume({{3, 3, 30}, 8, 1000});
  REQUIRE(again);
  REQUIRE(again->gap);
  CHECK(again->gap->from_seq == 3);  // where the receiver is: any other place breaks the protocol
  CHECK(again->gap->to_seq == 4);
  CHECK(out.account().adds_up());
}

TEST_CASE("credit: packets, bytes, and one packet whatever its size") {
  auto o = link_of(delivery::bounded, 2, 100);
  out_link out(o);
  in_link in(o);
  CHECK_FALSE(out.has_room(1));  // nothing before the receiver spoke
  REQUIRE(out.resume(in.resume()));
  CHECK(out.has_room(5000));
  const auto big = content(5000);
  out.add(header_of(0), big);
  CHECK_FALSE(out.has_room(1));
  std::vector<in_link::received_packet> ready;
  REQUIRE(in.arrived({0, big}, ready));
  in.taken(5000);
  CHECK_FALSE(in.ack_due());
  in.consumed(1);
  CHECK(in.ack_due());
  REQUIRE(out.ack(in.ack()));
  CHECK(out.has_room(100));
}

TEST_CASE(
    "a new process that sends is granted what the dead one's packets leave, and more in time") {
  const auto o = link_of(delivery::lossless, 8, 1000);
  in_link in(o);
  const auto take = [&](std::uint64_t seq) {
    std::vector<in_link::received_packet> ready;
    REQUIRE(in.arrived({seq, content(100)}, ready));
    in.taken(100);
  };
  in.resume();
  for (std::uint64_t n = 0; n < 6; ++n) take(n);
  in.disconnected();
  in.reset();
  auto told = in.resume();
  CHECK(told.window_packets == 2);
  CHECK(told.window_bytes == 400);
  out_link out(o);
  REQUIRE(out.resume(told));
  for (std::uint64_t n = 0; n < 2; ++n) {
    REQUIRE(out.has_room(100));
    out.add(header_of(n), content(100));
    take(n);
  }
  CHECK_FALSE(out.has_room(0));
  std::vector<in_link::received_packet> over;
  CHECK_FALSE(in.arrived({2, content(1)}, over));
  CHECK(in.account().in_flight == o.credit_packets);

  // A third one comes before anything was consumed: no room at all, and none is invented.
  in.disconnected();
  in.reset();
  told = in.resume();
  CHECK(told.window_packets == 0);
  out = out_link(o);
  REQUIRE(out.resume(told));
  CHECK_FALSE(out.has_room(0));
  out.wait();
  CHECK_FALSE(in.arrived({0, content(1)}, over));

  in.consumed(1);
  CHECK(in.ack_pending());
  in.consumed(2);
  REQUIRE(in.ack_due());
  REQUIRE(out.ack(in.ack()));
  CHECK(out.stop_waiting());  // who waits for room is told
  for (std::uint64_t n = 0; n < 3; ++n) {
    REQUIRE(out.has_room(100));
    out.add(header_of(n), content(100));
    take(n);
  }
  CHECK_FALSE(out.has_room(0));
  CHECK(in.account().in_flight == o.credit_packets);
  in.consumed(8);
  REQUIRE(out.ack(in.ack()));
  for (std::uint64_t n = 3; n < 11; ++n) {
    REQUIRE(out.has_room(100));
    out.add(header_of(n), content(100));
  }
  CHECK_FALSE(out.has_room(0));
  CHECK(out.account().adds_up());
  CHECK(in.account().adds_up());
}

TEST_CASE("restarts of the sender at random: never more in the receiver's hands than its credit") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    link_world w(seed % 2 == 0 ? delivery::lossless : delivery::bounded, seed);
    w.connect(false);
    for (int step = 0; step < 400; ++step) {
      w.step(1, [&] {
        w.disconnect();
        w.out = out_link(w.options);
        w.in.reset();
        w.of.clear();
        w.connect(false);
      });
      CHECK(w.in.account().in_flight <= w.options.credit_packets);
    }
    w.settle();
    CHECK(w.out.account().in_flight == 0);
    w.in.consumed(1000);
    REQUIRE(w.out.ack(w.in.ack()));
    // All that was taken over all its lives has been consumed: the last one has the whole room.
    for (std::uint32_t n = 0; n < w.options.credit_packets; ++n) {
      REQUIRE(w.out.has_room(1));
      w.out.add(header_of(n), content(1));
    }
    CHECK_FALSE(w.out.has_room(0));
  }
}

TEST_CASE("a peer that breaks the rules is told apart") {
  auto o = link_of(delivery::lossless, 2, 100);
  std::vector<in_link::received_packet> ready;
  SUBCASE("beyond its credit") {
    in_link in(o);
    CHECK_FALSE(in.arrived({0, content(10)}, ready));  // nothing was granted yet
    in.resume();
    CHECK(in.arrived({0, content(10)}, ready));
    CHECK_FALSE(in.arrived({2, content(10)}, ready));
    const auto over = in.arrived({1, content(200)}, ready);
    REQUIRE_FALSE(over);
    CHECK(over.error().code == "wire.malformed");
  }
  SUBCASE("confirms what was never sent") {
    out_link out(o);
    CHECK_FALSE(out.resume({{5, 5, 5}, 2, 100}));
    CHECK_FALSE(out.ack({1, 0, 0}));
    CHECK_FALSE(out.ack({0, 0, 1}));
  }
  SUBCASE("a gap out of nowhere") {
    in_link in(o);
    CHECK_FALSE(in.gap({1, 2, 0, {}}, ready));
    CHECK_FALSE(in.gap({0, 100, 0, {}}, ready));
  }
  SUBCASE("consumed more than taken") {
    in_link in(o);
    CHECK(in.consumed(3) == 3);
    CHECK(in.account().adds_up());
  }
}

TEST_CASE("a receiver without room: counted, credit comes back, the law holds") {
  auto o = link_of(delivery::bounded);
  in_link in(o);
  in.resume();
  std::vector<in_link::received_packet> ready;
  REQUIRE(in.arrived({0, content(10)}, ready));
  in.taken(10);
  in.untaken(wire_drop::no_room);
  in.dropped(10, wire_drop::undecodable);
  const auto a = in.account();
  CHECK(a.sent == 2);
  CHECK(a.dropped_total() == 2);
  CHECK(a.in_flight == 0);
  CHECK(a.adds_up());
  CHECK(in.ack().consumed == 2);
}
