// One link that changes while packets flow: its promise, its credit, its end.
#include <doctest/doctest.h>

#include <deque>
#include <random>

#include "actors/wire/in_link.hpp"
#include "actors/wire/out_link.hpp"

using namespace hocket;
using namespace hocket::wire;

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
      std::vector<in_link::received_packet> ready;
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
    std::vector<in_link::received_packet> ready;
    REQUIRE(in.arrived(std::move(flying.front()), ready));
    flying.pop_front();
    for (auto& a : ready) {
      got.push_back(std::stoull(a.content.head));
      in.taken(cost_bytes(a.content));
    }
  }
  void check() const {
    CHECK(out.account().adds_up());
    CHECK(in.account().adds_up());
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
  std::deque<in_link::received_packet> flying;
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
      std::vector<in_link::received_packet> ready;
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
  CHECK(out.account().adds_up());
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
  CHECK(out.account().adds_up());
  CHECK(in.account().adds_up());
}
