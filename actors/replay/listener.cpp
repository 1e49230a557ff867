#include "actors/replay/listener.hpp"

#include <algorithm>

#include "actors/host/plan_view.hpp"

namespace hocket::replay {

bool only_listened(const plan& graph, actor_index actor, const record::recording& from) {
  const auto& info = graph.actors[actor].type->info;
  if (!info.source) return false;
  const bool is_fed = std::any_of(graph.links.begin(), graph.links.end(),
                                  [&](const auto& l) { return l.to == actor && !l.removed; });
  if (!is_fed) return false;
  for (std::size_t port = 0; port < info.outputs.size(); ++port) {
    const auto* said = from.find(host::output_name(graph, actor, port));
    if (said == nullptr || said->packets > 0) return false;
  }
  return true;
}

component_type listener_type(const component_type& original) {
  auto out = original;
  out.info.source = false;
  return out;
}

}  // namespace hocket::replay
