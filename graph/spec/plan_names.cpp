#include "graph/spec/plan_names.hpp"

#include <fmt/format.h>

namespace hocket {

std::string link_name(const plan& p, const plan_link& l) {
  const auto& from = p.actors[l.from];
  const auto& to = p.actors[l.to];
  return fmt::format("{}.{} > {}.{}", from.name, from.type->info.outputs[l.from_port].name, to.name,
                     to.type->info.inputs[l.to_port].name);
}

std::string leader_of(const plan& p) {
  const plan_actor* first = nullptr;
  const auto look = [&](const plan_actor& a) {
    if (a.removed) return;
    if (first == nullptr || (a.type->info.source && !first->type->info.source)) first = &a;
  };
  if (p.file_order.empty())
    for (const auto& a : p.actors) look(a);
  for (const auto i : p.file_order) look(p.actors[i]);
  return first == nullptr ? "" : first->host;
}

}  // namespace hocket
