#include "graph/spec/replicas.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace hocket {
namespace {

std::uint64_t mix(std::uint64_t x) {  // splitmix64, Steele et al. 2014
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

std::uint64_t hash_text(std::string_view text) {  // FNV-1a
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return h;
}

}  // namespace

std::int32_t replica_for(session_id session, std::string_view family, std::int32_t replicas) {
  if (replicas <= 1) return 0;
  constexpr std::uint64_t points = 128;  // shares differ by about a tenth
  const auto base = hash_text(family);
  const auto at = mix(base ^ mix(static_cast<std::uint64_t>(session)));
  std::int32_t best = 0;
  auto nearest = ~std::uint64_t{0};
  for (std::int32_t r = 0; r < replicas; ++r)
    for (std::uint64_t point = 0; point < points; ++point) {
      const auto here = mix(base + (static_cast<std::uint64_t>(r) << 32) + point);
      // Clockwise, over zero where need be.
      if (const auto distance = here - at; distance < nearest) {
        nearest = distance;
        best = r;
      }
    }
  return best;
}

bool carries(const plan& p, const plan_link& link, session_id session) {
  if (session == session_id::none) return true;
  for (const auto a : {link.from, link.to}) {
    const auto& actor = p.actors[a];
    if (actor.replicas > 1 && replica_for(session, actor.family, actor.replicas) != actor.replica)
      return false;
  }
  return true;
}

namespace spec {

void expand_replicas(plan& p, const std::vector<std::vector<std::string>>& hosts) {
  if (std::none_of(p.actors.begin(), p.actors.end(), [](const auto& a) { return a.replicas > 1; }))
    return;
  std::vector<plan_actor> actors;
  std::vector<std::vector<actor_index>> copies(p.actors.size());
  for (std::size_t i = 0; i < p.actors.size(); ++i) {
    const auto& one = p.actors[i];
    for (std::int32_t r = 0; r < one.replicas; ++r) {
      copies[i].push_back(static_cast<actor_index>(actors.size()));
      auto& copy = actors.emplace_back(one);
      if (one.replicas == 1) continue;
      copy.replica = r;
      copy.family = one.name;
      copy.name = fmt::format("{}/{}", one.name, r + 1);
      if (!hosts[i].empty()) copy.host = hosts[i][static_cast<std::size_t>(r) % hosts[i].size()];
    }
  }
  std::vector<plan_link> links;
  for (const auto& link : p.links)
    for (const auto from : copies[link.from])
      for (const auto to : copies[link.to]) {
        links.push_back(link);
        links.back().from = from;
        links.back().to = to;
      }
  std::vector<plan_budget> budgets;
  for (const auto& b : p.budgets) {
    std::size_t most = 1;
    for (const auto a : b.path) most = std::max(most, copies[a].size());
    for (std::size_t r = 0; r < most; ++r) {
      auto& copy = budgets.emplace_back(b);
      for (auto& a : copy.path) a = copies[a][std::min(r, copies[a].size() - 1)];
    }
  }
  std::vector<actor_index> order;
  for (const auto a : p.start_order) order.insert(order.end(), copies[a].begin(), copies[a].end());
  p.actors = std::move(actors);
  p.links = std::move(links);
  p.budgets = std::move(budgets);
  p.start_order = std::move(order);
}

}  // namespace spec
}  // namespace hocket
