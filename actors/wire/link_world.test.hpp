#pragma once

#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "actors/wire/in_link.hpp"
#include "actors/wire/out_link.hpp"

namespace hocket::wire::testing {

inline encoded_packet content(std::size_t bytes) { return {std::string(bytes, 'x'), {}}; }
inline packet_header header_of(std::uint64_t n) {
  packet_header h;
  h.session = static_cast<session_id>(1 + n % 2);
  h.seq = n / 2;
  return h;
}

inline remote_link link_of(delivery how, std::uint32_t packets = 8, std::size_t bytes = 1000) {
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
struct link_world {
  explicit link_world(delivery how, unsigned seed)
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
    CHECK(out.account().adds_up());
    CHECK(in.account().adds_up());
  }

  void send() {
    const std::size_t bytes = 1 + dice(dice(10) == 0 ? 1500 : 200);
    const auto p = content(bytes);
    if (!out.has_room(cost_bytes(p))) return out.wait();
    const auto seq = out.add(header_of(sent), p);
    of[seq] = sent;
    data.push_back({seq, sent++, bytes});
  }

  void hand(std::vector<in_link::received_packet>& ready) {
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
    std::vector<in_link::received_packet> ready;
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
      std::vector<in_link::received_packet> ready;
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

inline std::uint64_t dropped_on_the_way(const link_world& w) {
  return w.out.account().dropped[static_cast<std::size_t>(wire_drop::disconnected)];
}

}  // namespace hocket::wire::testing
