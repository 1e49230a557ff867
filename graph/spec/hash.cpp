#include "graph/spec/hash.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "graph/contract/config.hpp"
#include "graph/spec/process.hpp"
#include "graph/spec/paths.hpp"
#include "graph/spec/payloads.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::spec {
namespace {

/// Tells each line of the canonical text, and what it is about.
template <class Tell>
void each_line(const plan& g, Tell tell) {
  tell("name", fmt::format("name {}\n", quoted(g.name)));
  tell("clock.micro_turn_ms", fmt::format("micro_turn_ns {}\n", g.grid.length.count()));
  for (const auto& p : g.plugins) tell("plugins", fmt::format("plugin {}\n", quoted(p)));
  for (const auto& s : schemas_of(g))
    tell("schemas." + s->name(), fmt::format("schema {} {}\n", s->name(), schema_text(*s)));
  for (const auto& h : g.hosts)
    tell("hosts." + h.name,
         fmt::format("host {} {} {} {} {}{}\n", h.name, quoted(h.listen), quoted(h.key), h.insecure,
                     h.shared_memory, h.rewires ? " rewires" : ""));
  for (const auto& a : g.actors) {
    const auto& r = a.restart;
    const auto name = "actors." + a.name;
    tell(name, fmt::format("actor {} {} on {} policy {} restart {} {} {} {} {} {} watchdog_ms {}\n",
                           a.name, a.type->info.type, quoted(a.host), to_string(a.policy),
                           static_cast<int>(r.when), r.max, r.within_s, r.backoff_ms,
                           r.backoff_max_ms, r.stop_graph, a.watchdog_ms));
    if (a.replicas > 1)
      tell(name + ".replicas", fmt::format("replica {} of {}\n", a.replica, a.replicas));
    if (const auto* own = process_of(a))
      tell(name + ".process", fmt::format("process {}\n", process_text(own)));
    if (const auto ports = payloads_text(a); !ports.empty())
      tell(name + ".payloads", fmt::format("payloads {}\n", ports));
    const auto config = canonical_text(said(*a.config));
    for (std::size_t at = 0; at < config.size();) {
      const auto end = std::min(config.find('\n', at), config.size() - 1) + 1;
      const auto line = config.substr(at, end - at);
      tell(name + "." + line.substr(0, line.find(':')), line);
      at = end;
    }
  }
  for (const auto& l : g.links) {
    const auto& from = g.actors[l.from];
    const auto& to = g.actors[l.to];
    tell(fmt::format("the link {}.{} > {}.{}", from.name, from.type->info.outputs[l.from_port].name,
                     to.name, to.type->info.inputs[l.to_port].name),
         fmt::format("link {}.{} {}.{} {} {} {} {}\n", l.from, l.from_port, l.to, l.to_port,
                     l.queue.size, to_string(l.queue.full), l.queue.max_age_ms, l.back_edge));
  }
  for (std::size_t n = 0; n < g.budgets.size(); ++n) {
    const auto& b = g.budgets[n];
    auto line = fmt::format("budget {} {}", b.limit_ms, static_cast<int>(b.on_miss));
    for (const auto i : b.path) line += fmt::format(" {}", i);
    tell(fmt::format("budgets[{}]", n), line + "\n");
  }
}

std::uint64_t fnv(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    h ^= static_cast<unsigned char>(c);
    h *= 0x100000001b3ULL;
  }
  return h;
}

/// A link by its ends' names: numbers of actors say nothing about it elsewhere.
std::string by_name(const std::string& name, const std::string& line) {
  if (!line.starts_with("link ")) return line;
  const auto ends = line.find(' ', line.find(' ', 5) + 1);
  return name + line.substr(ends);
}

}  // namespace

std::string canonical_text(const plan& g) {
  std::string out;
  each_line(g, [&](const std::string&, const std::string& line) { out += line; });
  return out;
}

std::vector<key_digest> keys_of(const plan& g, std::size_t most) {
  const auto collect = [&](bool by_actor) {
    std::vector<std::pair<std::string, std::string>> all;
    each_line(g, [&](std::string name, const std::string& line) {
      if (by_actor && name.starts_with("actors."))
        name.resize(std::min(name.size(), name.find('.', 7)));
      const auto said = by_name(name, trust::without_secrets(line));
      if (!all.empty() && all.back().first == name)
        all.back().second += said;
      else
        all.emplace_back(std::move(name), said);
    });
    return all;
  };
  auto all = collect(false);
  if (all.size() > most) all = collect(true);
  if (all.size() > most) all.resize(most);
  std::vector<key_digest> out;
  for (auto& [name, text] : all) {
    const auto h = fnv(text);
    out.push_back({std::move(name), static_cast<std::uint32_t>(h ^ (h >> 32))});
  }
  return out;
}

std::string hash_of(const std::string& canonical) { return fmt::format("{:016x}", fnv(canonical)); }

}  // namespace hocket::spec
