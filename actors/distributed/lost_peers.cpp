// Who is told when a peer is gone, or back.
#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "actors/distributed/remote_links.hpp"

namespace hocket::distributed {

void remote_links::notify_receivers(const std::string& peer, control::kind what,
                                    const std::string& why) {
  for (const auto& [id, r] : links().receivers)
    if (r->link().peer == peer) r->notify(what, why);
  tell_of_replicas(why);
}

void remote_links::tell_of_replicas(const std::string& why) {
  const auto& whole = run_.local().whole;
  std::lock_guard in_order(unserved_mutex_);
  std::map<decltype(unserved_)::value_type, std::vector<remote_receiver*>> by_input;
  for (const auto& [id, r] : links().receivers) {
    if (r->link().link >= whole.links.size() || !r->in_use()) continue;
    const auto& link = whole.links[r->link().link];
    const auto& from = whole.actors[link.from];
    if (from.replicas > 1) by_input[{link.to, link.to_port, from.family}].push_back(r.get());
  }
  for (const auto& [input, receivers] : by_input) {
    const auto& [to, port, family] = input;
    const auto all = std::ranges::count_if(whole.links, [&](const auto& l) {
      return !l.removed && l.to == to && l.to_port == port && whole.actors[l.from].family == family;
    });
    // More links than come from elsewhere: a replica is on this host.
    const bool is_left = all > std::ssize(receivers) ||
                         std::ranges::any_of(receivers, [](auto* r) { return !r->is_lost(); });
    if (is_left == !unserved_.contains(input)) continue;
    if (is_left)
      unserved_.erase(input);
    else
      unserved_.insert(input);
    receivers.front()->tell_shared(
        is_left ? control::kind::input_recovered : control::kind::input_lost,
        is_left ? "" : fmt::format("no replica of {} is left: {}", family, why));
  }
}

}  // namespace hocket::distributed
