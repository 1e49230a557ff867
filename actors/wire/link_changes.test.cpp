// Links that come, go and change while packets flow.
#include <doctest/doctest.h>

#include <deque>
#include <random>

#include "actors/wire/address.hpp"
#include "actors/wire/cable.test.hpp"
#include "actors/wire/in_link.hpp"
#include "actors/wire/out_link.hpp"
#include "actors/wire/two_nodes.test.hpp"

using namespace hocket;
using namespace hocket::wire;
using namespace hocket::wire::testing;

namespace {

encoded_packet content(std::size_t bytes) { return {std::string(bytes, 'x'), {}}; }

/// Both ends of one link whose promise and credit change again and again.
struct changing_link {
  explicit changing_link(unsigned seed) : random(seed), out(sender(true)), in(receiver(8)) {}

  static remote_link sender(bool lossless) {
    remote_link l;
    l.id = 1;
    l.how = lossless ? delivery::lossless : delivery::bounded;
    return l;
  }
  static remote_link receiver(std::uint32_t credit) {
    remote_link l;
    l.id = 1;
    l.credit_packets = credit;
    return l;
  }
  unsigned dice(unsigned n) { return random() % n; }

  void connect() {
    const auto r = out.resume(in.resume());
    REQUIRE(r);
    if (r->gap) {
      std::vector<in_link::arrival> ready;
      REQUIRE(in.gap(*r->gap, ready));
      CHECK(ready.empty());
      REQUIRE(out.ack(in.ack()));
    }
    fly(r->packets);
  }
  void fly(const std::vector<out_link::again>& packets) {
    for (const auto& p : packets) flying.push_back({p.seq, *p.content});
  }
  void confirm() {
    REQUIRE(out.ack(in.ack()));
    fly(out.take_again());
  }
  void disconnect() {
    out.disconnected();
    in.disconnected();
    flying.clear();
  }
  void send() {
    auto p = content(1 + dice(40));
    p.head = std::to_string(sent) + " " + p.head;
    if (!out.has_room(cost_bytes(p))) return;
    packet_header h;
    h.session = static_cast<session_id>(1);
    h.seq = sent++;
    lossless.push_back(is_lossless);
    flying.push_back({out.add(h, p), p});
  }
  void arrive() {
    if (flying.empty()) return;
    std::vector<in_link::arrival> ready;
    REQUIRE(in.arrived(std::move(flying.front()), ready));
    flying.pop_front();
    for (auto& a : ready) {
      got.push_back(std::stoull(a.content.head));
      in.taken(cost_bytes(a.content));
    }
  }
  void check() const {
    CHECK(out.account().holds());
    CHECK(in.account().holds());
  }
  void settle() {
    for (int i = 0; i < 1000 && out.account().in_flight > 0; ++i) {
      while (!flying.empty()) arrive();
      in.consumed(1000);
      confirm();
    }
    CHECK(out.account().in_flight == 0);
  }

  std::mt19937 random;
  out_link out;
  in_link in;
  std::deque<in_link::arrival> flying;
  std::vector<bool> lossless;  ///< by packet: how it was sent
  bool is_lossless = true;
  std::vector<std::uint64_t> got;
  std::uint64_t sent = 0;
};

}  // namespace

TEST_CASE("a link that changes its promise and its credit: what was sent lossless arrives, once") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    changing_link w(seed);
    w.connect();
    std::size_t weakened = 0;  // packets before this were under way when the promise went
    std::vector<bool> excused(10'000, false);
    for (int step = 0; step < 400; ++step) {
      switch (w.dice(16)) {
        case 0: w.disconnect(), w.connect(); break;
        case 1:
          w.is_lossless = !w.is_lossless;
          w.out.change(changing_link::sender(w.is_lossless));
          if (!w.is_lossless)
            for (; weakened < w.sent; ++weakened) excused[weakened] = true;
          break;
        case 2: w.in.change(changing_link::receiver(4 + w.dice(12))); break;
        case 3:
        case 4:
        case 5:
        case 6: w.send(); break;
        case 7:
        case 8:
        case 9: w.arrive(); break;
        case 10:
        case 11: w.in.consumed(w.dice(4)); break;
        default: w.confirm();
      }
      w.check();
    }
    w.settle();
    std::vector<int> times(w.sent, 0);
    for (std::size_t i = 0; i < w.got.size(); ++i) {
      if (i > 0) REQUIRE(w.got[i] > w.got[i - 1]);
      ++times[w.got[i]];
    }
    std::uint64_t missing = 0;
    for (std::uint64_t n = 0; n < w.sent; ++n) {
      missing += times[n] == 0 ? 1 : 0;
      if (w.lossless[n] && !excused[n]) REQUIRE(times[n] == 1);
    }
    CHECK(w.out.account().dropped_total() == missing);
    CHECK(w.in.account().gaps == missing);
  }
}

TEST_CASE("a receiver that comes back with less credit is sent no more at a time than that") {
  auto o = changing_link::sender(true);
  out_link out(o);
  in_link in(changing_link::receiver(8));
  REQUIRE(out.resume(in.resume()));
  for (int n = 0; n < 8; ++n) out.add({}, content(10));
  // It dies with all of them in its hands, and its successor has another file.
  out.disconnected();
  out.reset();
  in = in_link(changing_link::receiver(3));
  std::uint64_t got = 0;
  const auto take = [&](const std::vector<out_link::again>& packets) {
    for (const auto& p : packets) {
      std::vector<in_link::arrival> ready;
      REQUIRE(in.arrived({p.seq, *p.content}, ready));  // never beyond the credit
      in.taken(10);
      ++got;
    }
  };
  const auto first = out.resume(in.resume());
  REQUIRE(first);
  CHECK(first->packets.size() == 3);
  take(first->packets);
  CHECK_FALSE(out.has_room(1));  // nothing new goes before them
  in.consumed(2);
  REQUIRE(out.ack(in.ack()));
  const auto more = out.take_again();
  CHECK(more.size() == 2);
  take(more);
  while (got < 8) {
    in.consumed(8);
    REQUIRE(out.ack(in.ack()));
    const auto rest = out.take_again();
    REQUIRE(!rest.empty());
    take(rest);
  }
  in.consumed(8);
  REQUIRE(out.ack(in.ack()));
  CHECK(out.has_room(1));
  CHECK(out.account().delivered == 8);
  CHECK(out.account().holds());
  CHECK(in.account().delivered == 8);
}

TEST_CASE("more credit is told at once, less when the sender begins anew") {
  in_link in(changing_link::receiver(4));
  in.resume();
  CHECK_FALSE(in.ack_pending());
  in.change(changing_link::receiver(9));
  REQUIRE(in.ack_pending());
  CHECK(in.ack().window_packets == 9);
  in.change(changing_link::receiver(2));
  CHECK_FALSE(in.ack_pending());
  in.disconnected();
  CHECK(in.resume().window_packets == 9);  // the same sender, which may have used it
  in.disconnected();
  in.reset();
  CHECK(in.resume().window_packets == 2);
}

TEST_CASE("a retired link: its packets still arrive; a new process of the peer gets none of them") {
  out_link out(changing_link::sender(true));
  in_link in(changing_link::receiver(8));
  REQUIRE(out.resume(in.resume()));
  for (int n = 0; n < 4; ++n) out.add({}, content(10));
  out.retire();
  in.retire();
  SUBCASE("a broken connection does no harm") {
    out.disconnected();
    in.disconnected();
    const auto again = out.resume(in.resume());
    REQUIRE(again);
    CHECK(again->packets.size() == 4);
    CHECK(out.account().in_flight == 4);
  }
  SUBCASE("a new process") {
    out.disconnected();
    out.reset();
    CHECK(out.account().in_flight == 0);
    CHECK(out.account().dropped_total() == 4);
    in.disconnected();
    in.reset();
    CHECK_FALSE(in.is_open());
    CHECK_FALSE(in.ack_pending());
    CHECK_FALSE(in.ack_due());
  }
  CHECK(out.account().holds());
  CHECK(in.account().holds());
}

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
    host_message last;
    last.what = host_event::link_over;
    last.link = 4;
    last.after_packets = true;
    REQUIRE(n.right->send_control("left", last));
    REQUIRE(n.left_host.wait([&] { return n.left_host.letters.size() == 1; }));
    CHECK(n.left_host.arrived_on(4) == sent);  // the last word came behind the last packet
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
    auto again = node::open(o.left, again_host).value();
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
    auto again = node::open(o.right, again_host).value();
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
