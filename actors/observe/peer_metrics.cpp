// The other processes of a graph, as this one sees them, and the links that cross to them.
#include "actors/observe/peer_metrics.hpp"

#include <vector>

namespace hocket::observe {
namespace {

using host::snapshot;
using wire::peer_state;
using wire::peer_status;

double as_double(std::uint64_t n) { return static_cast<double>(n); }
double seconds(std::int64_t ns) { return static_cast<double>(ns) / 1e9; }

void write_connections(exposition& out, const snapshot& s) {
  const auto each = [&](auto value) {
    for (const auto& p : s.peers) out.sample({{"peer", p.name}}, value(p));
  };
  out.family("hocket_peer_state", "gauge",
             "1 for the state that the link to a peer is in, else 0.");
  for (const auto& p : s.peers)
    for (auto i = 0; i <= static_cast<int>(peer_state::refused); ++i) {
      const auto state = static_cast<peer_state>(i);
      out.sample({{"peer", p.name}, {"state", to_string(state)}}, p.state == state ? 1 : 0);
    }
  out.family("hocket_peer_state_seconds", "gauge", "How long it has been in this state.");
  each([](const auto& p) { return static_cast<double>(p.state_ms) / 1e3; });
  out.family("hocket_peer_lane_silent_seconds", "gauge",
             "Since when nothing came over a lane of a peer that is up or suspect.");
  for (const auto& p : s.peers) {
    if (p.state != peer_state::up && p.state != peer_state::suspect) continue;
    out.sample({{"peer", p.name}, {"lane", "control"}},
               static_cast<double>(p.control_silent_ms) / 1e3);
    out.sample({{"peer", p.name}, {"lane", "data"}}, static_cast<double>(p.data_silent_ms) / 1e3);
  }
  out.family("hocket_peer_connects_total", "counter", "Handshakes that succeeded.");
  each([](const auto& p) { return as_double(p.connects); });
  out.family("hocket_peer_malformed_messages_total", "counter",
             "Messages of a peer that were none, or broke the protocol.");
  each([](const auto& p) { return as_double(p.malformed); });
  out.family("hocket_refused_handshakes_total", "counter",
             "Handshakes of strangers: unknown key, plaintext, garbage.");
  out.sample({}, as_double(s.refused_handshakes));
}

// Where nothing is known of a clock, no sample stands for it: 0 would be a figure.
void write_clocks(exposition& out, const snapshot& s) {
  const auto each_known = [&](auto value) {
    for (const auto& p : s.peers)
      if (p.clock.samples > 0) out.sample({{"peer", p.name}}, value(p));
  };
  out.family("hocket_peer_round_trip_seconds", "gauge",
             "Shortest round trip of a heartbeat within the last minute.");
  each_known([](const auto& p) { return seconds(p.rtt_ns); });
  out.family("hocket_peer_clock_offset_seconds", "gauge", "The peer's monotonic clock minus ours.");
  each_known([](const auto& p) { return seconds(p.clock.offset_ns); });
  out.family("hocket_peer_clock_uncertainty_seconds", "gauge",
             "The true offset lies within this much of hocket_peer_clock_offset_seconds.");
  each_known([](const auto& p) { return seconds(p.clock.uncertainty_ns); });
  out.family("hocket_peer_clock_drift_ratio", "gauge",
             "Seconds that the offset grows by per second.");
  each_known([](const auto& p) { return p.clock.drift_ppm / 1e6; });
  out.family("hocket_peer_clock_exchanges_total", "counter",
             "Exchanges of time stamps that the estimate rests on.");
  for (const auto& p : s.peers) out.sample({{"peer", p.name}}, as_double(p.clock.samples));
  out.family("hocket_peer_clock_jumps_total", "counter", "How often one of the clocks was set.");
  for (const auto& p : s.peers) out.sample({{"peer", p.name}}, as_double(p.clock.jumps));
}

void write_bytes(exposition& out, const snapshot& s) {
  const auto each = [&](auto value) {
    for (const auto& p : s.peers) out.sample({{"peer", p.name}}, value(p));
  };
  out.family("hocket_peer_bytes_total", "counter",
             "Bytes of packets, repeats included, over socket and shared memory.");
  for (const auto& p : s.peers) {
    out.sample({{"peer", p.name}, {"direction", "in"}}, as_double(p.bytes_in));
    out.sample({{"peer", p.name}, {"direction", "out"}}, as_double(p.bytes_out));
  }
  out.family("hocket_peer_shared_memory", "gauge",
             "1 where what we send to a peer goes through shared memory.");
  each([](const auto& p) { return p.shared_memory ? 1.0 : 0.0; });
  out.family("hocket_peer_shared_memory_packets_total", "counter",
             "Packets that went through shared memory.");
  each([](const auto& p) { return as_double(p.shm_packets); });
  out.family("hocket_peer_shared_memory_fallbacks_total", "counter",
             "Packets that took the socket because the shared memory was full.");
  each([](const auto& p) { return as_double(p.shm_fallbacks); });
  out.family("hocket_peer_shared_memory_in_place_total", "counter",
             "Packets that were made in the shared memory, so that none of their bulk was copied.");
  each([](const auto& p) { return as_double(p.shm_in_place); });
}

class link_rows {
 public:
  link_rows(exposition& out, const snapshot& s) : out_(out), all_(s.wires) {}

  /// One sample per link, or only per outgoing or per incoming one.
  enum class which : std::uint8_t { both, outgoing, incoming };
  template <class Value>
  void each(which w, Value value) {
    for (const auto& l : all_)
      if (w == which::both || (w == which::outgoing) == l.outgoing)
        out_.sample({{"peer", l.peer}, {"link", l.name}, {"direction", way(l)}}, value(l));
  }

  void fates() {
    for (const auto& l : all_) {
      const auto one = [&](std::string_view fate, std::string_view reason, std::uint64_t n) {
        out_.sample({{"peer", l.peer},
                     {"link", l.name},
                     {"direction", way(l)},
                     {"fate", fate},
                     {"reason", reason}},
                    as_double(n));
      };
      one("delivered", "", l.delivered);
      for (int i = 0; i < wire::wire_drop_count; ++i)
        one("dropped", wire::to_string(static_cast<wire::wire_drop>(i)),
            l.dropped[static_cast<std::size_t>(i)]);
    }
  }

 private:
  static std::string_view way(const wire::wire_account& l) { return l.outgoing ? "out" : "in"; }
  exposition& out_;
  const std::vector<wire::wire_account>& all_;
};

void write_links(exposition& out, const snapshot& s) {
  using which = link_rows::which;
  link_rows links(out, s);
  out.family(
      "hocket_peer_sent_packets_total", "counter",
      "Packets that were handed to a link's outgoing half, or arrived at its incoming half.");
  links.each(which::both, [](const auto& l) { return as_double(l.sent); });
  out.family("hocket_peer_packets_total", "counter",
             "Packets that left one half of a link: delivered, or dropped for a reason.");
  links.fates();
  out.family("hocket_peer_in_flight_packets", "gauge",
             "Out: not confirmed yet; in: handed over, and not taken from their queue yet.");
  links.each(which::both, [](const auto& l) { return as_double(l.in_flight); });
  out.family("hocket_peer_in_flight_bytes", "gauge", "The bytes of these packets.");
  links.each(which::both, [](const auto& l) { return as_double(l.in_flight_bytes); });
  out.family("hocket_peer_retransmitted_packets_total", "counter",
             "Packets that were sent once more after a reconnect.");
  links.each(which::outgoing, [](const auto& l) { return as_double(l.sent_again); });
  out.family(
      "hocket_peer_credit_waits_total", "counter",
      "How often a packet was held back: the receiver had given no credit, or was not there.");
  links.each(which::outgoing, [](const auto& l) { return as_double(l.no_credit); });
  out.family("hocket_peer_duplicate_packets_total", "counter",
             "Packets that came once more and were left out.");
  links.each(which::incoming, [](const auto& l) { return as_double(l.duplicates); });
  out.family("hocket_peer_gap_packets_total", "counter",
             "Packets that the sender announced as lost.");
  links.each(which::incoming, [](const auto& l) { return as_double(l.gaps); });
}

}  // namespace

void write_peers(exposition& out, const snapshot& s) {
  if (s.peers.empty()) return;
  write_connections(out, s);
  write_clocks(out, s);
  write_bytes(out, s);
  write_links(out, s);
}

}  // namespace hocket::observe
