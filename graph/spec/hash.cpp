#include "graph/spec/hash.hpp"

#include <cstdint>

#include <fmt/format.h>

#include "graph/contract/config.hpp"

namespace hocket::spec {

std::string canonical_text(const plan& g) {
  std::string out =
      fmt::format("name {}\nmicro_turn_ns {}\n", quoted(g.name), g.grid.length.count());
  for (const auto& p : g.plugins) out += fmt::format("plugin {}\n", quoted(p));
  for (const auto& h : g.hosts)
    out += fmt::format("host {} {} {} {} {}{}\n", h.name, quoted(h.listen), quoted(h.key),
                       h.insecure, h.shared_memory, h.rewires ? " rewires" : "");
  for (const auto& a : g.actors) {
    const auto& r = a.restart;
    out += fmt::format("actor {} {} on {} policy {} restart {} {} {} {} {} {} watchdog_ms {}\n",
                       a.name, a.type->info.type, quoted(a.host), to_string(a.policy),
                       static_cast<int>(r.when), r.max, r.within_s, r.backoff_ms, r.backoff_max_ms,
                       r.stop_graph, a.watchdog_ms);
    if (a.replicas > 1) out += fmt::format("replica {} of {}\n", a.replica, a.replicas);
    out += canonical_text(*a.config);
  }
  for (const auto& l : g.links)
    out += fmt::format("link {}.{} {}.{} {} {} {} {}\n", l.from, l.from_port, l.to, l.to_port,
                       l.queue.size, to_string(l.queue.full), l.queue.max_age_ms, l.back_edge);
  for (const auto& b : g.budgets) {
    out += fmt::format("budget {} {}", b.limit_ms, static_cast<int>(b.on_miss));
    for (const auto i : b.path) out += fmt::format(" {}", i);
    out += "\n";
  }
  return out;
}

std::string hash_of(const std::string& canonical) {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : canonical) {
    h ^= static_cast<unsigned char>(c);
    h *= 0x100000001b3ULL;
  }
  return fmt::format("{:016x}", h);
}

}  // namespace hocket::spec
