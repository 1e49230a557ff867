#include "actors/replay/packet_store.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace hocket::replay {

void packet_store::put(const record::packet_name& name, const packet& p) {
  const auto k = key_of(name);
  if (const auto wanted = uses_.find(k); wanted != uses_.end() && wanted->second > 0) kept_[k] = p;
}

const packet_store::numbered& packet_store::recorded(const record::packet_name& name) {
  const auto [place, is_new] = recorded_.try_emplace({name.output, name.session});
  if (!is_new) return place->second;
  const auto* output = from_->find(name.output);
  if (output == nullptr) return place->second;
  for (const auto& i : output->items)
    if (!i.is_mark && i.session == name.session) place->second.push_back(&i);
  std::stable_sort(place->second.begin(), place->second.end(),
                   [](const auto* a, const auto* b) { return a->seq < b->seq; });
  return place->second;
}

result<packet> packet_store::take(const record::packet_name& name, bool live, timestamp at) {
  const auto k = key_of(name);
  auto& uses = uses_[k];
  if (uses > 0) --uses;
  if (live) {
    if (const auto it = kept_.find(k); it != kept_.end()) {
      auto p = it->second;
      if (uses == 0) kept_.erase(it);
      return p;
    }
  }
  // Where numbers began anew, the newest that was emitted before the call.
  const auto& all = recorded(name);
  auto it = std::lower_bound(all.begin(), all.end(), name.seq,
                             [](const auto* p, std::uint64_t seq) { return p->seq < seq; });
  const record::recorded_packet* found = nullptr;
  for (; it != all.end() && (*it)->seq == name.seq; ++it)
    if (found == nullptr || (*it)->at <= at) found = *it;
  if (found == nullptr)
    return fail(
        "replay.gap",
        fmt::format("session {} packet {} of {}, which was taken at {:.3f} s, is not in the "
                    "recording",
                    static_cast<std::uint64_t>(name.session), name.seq, name.output, at.seconds()));
  return from_->read(*found);
}

}  // namespace hocket::replay
