#include "actors/host/actor/batch.hpp"

namespace hocket::host {

void origin::note(const queued_packet& e) {
  if (known && e.item.header.origin_ns >= ns) return;
  known = true;
  ts = e.item.header.origin_ts;
  ns = e.item.header.origin_ns;
  queued_ns = e.queued_ns;
  hops = e.item.header.way;
}

void batch::clear_bundles() {
  bundles.clear();
  bundle_origins.clear();
  bundle_uses.clear();
  bundles_failed = false;
}

void batch::settle() {
  for (; settled < at; ++settled) {
    const auto& i = items[settled];
    if (i.dropped)
      i.from->settle_dropped(i.why);
    else
      i.from->settle_delivered(1);
  }
  if (at == items.size()) {
    items.clear();
    at = settled = 0;
  }
  for (auto& [q, n] : bundle_uses) {
    if (bundles_failed)
      q->settle_dropped(drop_reason::actor_restarting, n);
    else
      q->settle_delivered(n);
  }
  clear_bundles();
}

void batch::drop_rest(drop_reason why) {
  for (; at < items.size(); ++at) items[at].drop(why);
  settle();
}

std::shared_ptr<batch> batch::rescue(bool in_item) {
  auto rest = std::make_shared<batch>();
  for (auto i = settled; i < items.size(); ++i) {
    auto& one = items[i];
    if (i < at) {
      if (one.dropped)
        one.from->settle_dropped(one.why);
      else
        one.from->settle_delivered(1);
    } else if (i == at && in_item) {
      one.from->settle_dropped(drop_reason::actor_restarting);
    } else {
      rest->items.push_back(std::move(one));
    }
  }
  for (auto& [q, n] : bundle_uses) q->settle_dropped(drop_reason::actor_restarting, n);
  return rest;
}

}  // namespace hocket::host
