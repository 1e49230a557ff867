#include "actors/host/wire_status.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hocket::host {
namespace {

using json = nlohmann::ordered_json;

std::string title(const wire::wire_account& w) {
  return fmt::format("{} {} {}", w.name, w.outgoing ? "to" : "from", w.peer);
}

json account_json(const wire::wire_account& w) {
  json drops = json::object();
  for (int i = 0; i < wire::wire_drop_count; ++i)
    if (const auto n = w.dropped[static_cast<std::size_t>(i)]; n > 0)
      drops[std::string(wire::to_string(static_cast<wire::wire_drop>(i)))] = n;
  return {{"link", w.name},
          {"peer", w.peer},
          {"outgoing", w.outgoing},
          {"sent", w.sent},
          {"delivered", w.delivered},
          {"dropped", drops},
          {"in_flight", w.in_flight},
          {"sent_again", w.sent_again},
          {"duplicates", w.duplicates},
          {"gaps", w.gaps},
          {"credit_waits", w.no_credit},
          {"in_flight_bytes", w.in_flight_bytes},
          {"holds", w.adds_up()}};
}

}  // namespace

void add_wire_rows(const snapshot& s, json& out) {
  if (s.wires.empty() && s.peers.empty()) return;
  json wires = json::array(), peers = json::array();
  for (const auto& w : s.wires) wires.push_back(account_json(w));
  for (const auto& p : s.peers)
    peers.push_back({{"name", p.name},
                     {"state", wire::to_string(p.state)},
                     {"reason", p.reason},
                     {"state_ms", p.state_ms},
                     {"control_silent_ms", p.control_silent_ms},
                     {"data_silent_ms", p.data_silent_ms},
                     {"rtt_us", static_cast<double>(p.rtt_ns) / 1e3},
                     {"clock_offset_us", static_cast<double>(p.clock.offset_ns) / 1e3},
                     {"clock_uncertainty_us", static_cast<double>(p.clock.uncertainty_ns) / 1e3},
                     {"clock_drift_ppm", p.clock.drift_ppm},
                     {"bytes_out", p.bytes_out},
                     {"bytes_in", p.bytes_in},
                     {"connects", p.connects},
                     {"malformed", p.malformed},
                     {"shared_memory", p.shared_memory}});
  out["wires"] = std::move(wires);
  out["peers"] = std::move(peers);
}

std::string wire_rows_text(const snapshot& s) {
  if (s.wires.empty()) return "";
  std::size_t wide = 4;
  for (const auto& w : s.wires) wide = std::max(wide, title(w).size());
  auto out = fmt::format("\n{:<{}}  {:>9}  {:>9}  {:>8}  {:>9}  {:>6}  {}\n", "wire", wide, "sent",
                         "delivered", "dropped", "in flight", "again", "gaps");
  for (const auto& w : s.wires)
    out += fmt::format("{:<{}}  {:>9}  {:>9}  {:>8}  {:>9}  {:>6}  {}{}\n", title(w), wide, w.sent,
                       w.delivered, w.dropped_total(), w.in_flight, w.sent_again, w.gaps,
                       w.adds_up() ? "" : "  ACCOUNTS DO NOT ADD UP");
  return out;
}

}  // namespace hocket::host
