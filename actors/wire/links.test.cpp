// The two ends of a link as state machines: credit, order, loss, and the books, under random
// schedules of reordering, duplication, disconnects and restarts.
#include <doctest/doctest.h>

#include <deque>
#include <random>
#include <set>

#include "actors/wire/in_link.hpp"
#include "actors/wire/out_link.hpp"

using namespace hocket;
using namespace hocket::wire;

namespace {

encoded_packet content(std::size_t bytes) { return {std::string(bytes, 'x'), {}}; }
packet_header header_of(std::uint64_t n) {
  packet_header h;
  h.session = static_cast<session_id>(1 + n % 2);
  h.seq = n / 2;
  return h;
}

remote_link link_of(delivery how, std::uint32_t packets = 8, std::size_t bytes = 1000) {
  remote_link l;
  l.id = 1;
  l.name = "a.out -> b.in";
  l.peer = "other";
  l.how = how;
  l.credit_packets = packets;
  l.credit_bytes = bytes;
  return l;
}

/// Both ends and everything that is under way between them.
struct world {
  explicit world(delivery how, unsigned seed)
      : options(link_of(how, 8, 1000)), out(options), in(options), random(seed) {}

  remote_link options;
  out_link out;
  in_link in;
  std::mt19937 random;
  struct flying {
    std::uint64_t seq;
    std::uint64_t number;  ///< which packet it really is
    std::size_t bytes;
  };
  std::deque<flying> data;
  std::deque<ack_record> acks;
  std::deque<std::uint64_t> kept;             ///< number of each unconfirmed packet, lossless
  std::map<std::uint64_t, std::uint64_t> of;  ///< wire number -> packet, this numbering
  std::vector<std::uint64_t> got;             ///< packets handed over, in order
  std::vector<lost_range> announced;
  std::uint64_t sent = 0;
  std::uint64_t restarts = 0;

  unsigned dice(unsigned n) { return random() % n; }

  void check() const {
    CHECK(out.account().holds());
    CHECK(in.account().holds());
  }

  void send() {
    const std::size_t bytes = 1 + dice(dice(10) == 0 ? 1500 : 200);
    const auto p = content(bytes);
    if (!out.has_room(cost_bytes(p))) return out.wait();
    const auto seq = out.add(header_of(sent), p);
    of[seq] = sent;
    data.push_back({seq, sent++, bytes});
  }

  void hand(std::vector<in_link::arrival>& ready) {
    for (auto& a : ready) {
      got.push_back(of.at(a.seq));
      in.taken(cost_bytes(a.content));
    }
  }

  void arrive() {
    if (data.empty()) return;
    // Two ways: one of the first few comes first.
    const auto at = static_cast<std::ptrdiff_t>(dice(std::min<unsigned>(3, data.size())));
    const auto f = data[static_cast<std::size_t>(at)];
    if (dice(10) != 0) data.erase(data.begin() + at);  // else it comes twice
    std::vector<in_link::arrival> ready;
    REQUIRE(in.arrived({f.seq, content(f.bytes)}, ready));
    hand(ready);
  }

  void consume() {
    in.consumed(dice(4));
    if (in.ack_due() || dice(3) == 0) acks.push_back(in.ack());
  }

  void confirm() {
    if (acks.empty()) return;
    const auto at = dice(static_cast<unsigned>(acks.size()));  // late ones do no harm
    REQUIRE(out.ack(acks[at]));
    if (dice(2) == 0) acks.pop_front();
  }

  void disconnect() {
    out.disconnected();
    in.disconnected();
    data.clear();
    acks.clear();
  }

  void connect(bool fresh) {
    if (fresh) {
      // The other process is new. Its queue died with it; what it had consumed is done.
      std::map<std::uint64_t, std::uint64_t> renumbered;
      const auto first = out.next_seq() - out.account().in_flight;
      for (std::uint64_t i = 0; i < out.account().in_flight; ++i)
        if (options.how == delivery::lossless) renumbered[i] = of.at(first + i);
      in = in_link(options);
      out.reset();
      of = renumbered;
      ++restarts;
    }
    const auto resumed = out.resume(in.resume());
    REQUIRE(resumed);
    if (resumed->gap) {
      std::vector<in_link::arrival> ready;
      REQUIRE(in.gap(*resumed->gap, ready));
      CHECK(ready.empty());
      for (const auto& l : resumed->gap->lost) announced.push_back(l);
    }
    for (const auto& p : resumed->packets)
      data.push_back({p.seq, of.at(p.seq), cost_bytes(*p.content)});
    acks.push_back(in.ack());
  }

  void settle() {
    for (int i = 0; i < 1000 && (out.account().in_flight > 0 || !data.empty()); ++i) {
      while (!data.empty()) arrive();
      in.consumed(1000);
      acks.push_back(in.ack());
      REQUIRE(out.ack(acks.back()));
    }
  }

  /// One of what may happen next: the connection breaks once in twelve.
  template <class F>
  void step(unsigned consumes, F breaks) {
    const auto d = dice(12);
    if (d == 0)
      breaks();
    else if (d <= 3)
      send();
    else if (d <= 6)
      arrive();
    else if (d <= 6 + consumes)
      consume();
    else
      confirm();
    check();
  }
};

std::uint64_t dropped_on_the_way(const world& w) {
  return w.out.account().dropped[static_cast<std::size_t>(wire_drop::disconnected)];
}

}  // namespace

TEST_CASE("a lossless link delivers each packet once and in order whatever the connection does") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    world w(delivery::lossless, seed);
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
    world w(delivery::bounded, seed);
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
    world w(delivery::lossless, seed);
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
  CHECK(out.account().holds());
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
  std::vector<in_link::arrival> ready;
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
    std::vector<in_link::arrival> ready;
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
  std::vector<in_link::arrival> over;
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
  CHECK(out.account().holds());
  CHECK(in.account().holds());
}

TEST_CASE("restarts of the sender at random: never more in the receiver's hands than its credit") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    world w(seed % 2 == 0 ? delivery::lossless : delivery::bounded, seed);
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
  std::vector<in_link::arrival> ready;
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
    CHECK(in.account().holds());
  }
}

TEST_CASE("a receiver without room: counted, credit comes back, the law holds") {
  auto o = link_of(delivery::bounded);
  in_link in(o);
  in.resume();
  std::vector<in_link::arrival> ready;
  REQUIRE(in.arrived({0, content(10)}, ready));
  in.taken(10);
  in.untaken(wire_drop::no_room);
  in.dropped(10, wire_drop::undecodable);
  const auto a = in.account();
  CHECK(a.sent == 2);
  CHECK(a.dropped_total() == 2);
  CHECK(a.in_flight == 0);
  CHECK(a.holds());
  CHECK(in.ack().consumed == 2);
}
