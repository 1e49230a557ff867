#include "graph/spec/session_place.hpp"

#include "graph/contract/component.hpp"
#include "graph/spec/plan.hpp"
#include "graph/spec/replicas.hpp"

namespace hocket {

bool suits(const plan& p, session_id session, std::string_view asks,
           const std::function<bool(const std::string& host)>& is_lost) {
  for (const auto& first : p.actors) {
    if (first.removed || first.replicas <= 1 || first.replica != 0) continue;
    const bool is_source = first.type != nullptr && first.type->info.source;
    const auto wanted = replica_for(session, first.family, first.replicas);
    bool some_there = false, is_there = false, some_ask = false, it_asks = false;
    for (const auto& a : p.actors) {
      if (a.removed || a.family != first.family) continue;
      const bool there = !is_lost(a.host);
      const bool asking = is_source && !asks.empty() && a.host == asks;
      some_there |= there;
      some_ask |= asking;
      if (a.replica != wanted) continue;
      is_there = there;
      it_asks = asking;
    }
    if (some_ask ? !it_asks : some_there && !is_there) return false;
  }
  return true;
}

}  // namespace hocket
