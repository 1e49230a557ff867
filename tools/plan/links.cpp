#include "tools/plan/links.hpp"

#include <algorithm>
#include <map>

namespace hocket::planning {
namespace {

// What a packet takes beside its payload, rounded up: the head of packet.proto (plan.test.cpp holds
// that it is shorter than half of this), two frames of ZeroMQ, TCP and IP.
constexpr double header_bytes = 180;

struct rate {
  double bytes = 0, packets = 0;
};

rate rate_of(const media_type& t, double micro_turns_per_s) {
  if (t.kind == payload_kind::audio && t.rate_hz > 0) {
    const double packets = t.packets_per_s > 0 ? t.packets_per_s : micro_turns_per_s;
    const double bytes = static_cast<double>(t.rate_hz) * std::max(t.channels, 1) * sizeof(float);
    return {bytes + packets * header_bytes, packets};
  }
  if (t.kind == payload_kind::tensor && t.packets_per_s > 0 && t.element && !t.shape.empty()) {
    double numbers = 1;
    for (const auto extent : t.shape) numbers *= extent > 0 ? static_cast<double>(extent) : 1;
    const double bytes = numbers * static_cast<double>(size_bytes(*t.element));
    return {t.packets_per_s * (bytes + header_bytes), t.packets_per_s};
  }
  return {};
}

}  // namespace

std::vector<host_link> links_between_hosts(const plan& graph) {
  const double micro_turns = 1e9 / static_cast<double>(graph.grid.length.count());
  std::map<std::pair<std::string, std::string>, host_link> found;
  for (const auto& l : graph.links) {
    const auto &from = graph.actors[l.from], &to = graph.actors[l.to];
    if (l.removed || from.host == to.host) continue;
    auto& sum = found[{from.host, to.host}];
    sum.from = from.host, sum.to = to.host, ++sum.links;
    const auto r = rate_of(from.type->info.outputs[l.from_port].type, micro_turns);
    if (r.packets == 0) ++sum.irregular;
    sum.bytes_per_s += r.bytes, sum.packets_per_s += r.packets;
  }
  std::vector<host_link> out;
  for (auto& [_, l] : found) out.push_back(std::move(l));
  return out;
}

}  // namespace hocket::planning
