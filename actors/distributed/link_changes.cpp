// Links between hosts come and go while the run goes on.
//
// A new link: both hosts make it known to the wire while they prepare. Its sender sends when its
// routes lead there; the receiver grants credit when it has changed over, so nothing of it comes
// before that but messages, and those wait. An old one: its remote senders send what they still
// have and close; behind the last packet the receiver hears that the link is over, and its remote
// receivers close.
#include <algorithm>

#include "actors/distributed/remote_links.hpp"

namespace hocket::distributed {

result<void> remote_links::prepare(const host_plan& next) {
  auto t = std::make_unique<table>(links());
  for (const auto& c : next.host_links) {
    const auto* s = sender(c.wire_id);
    const auto* r = receiver(c.wire_id);
    if ((s != nullptr && s->in_use()) || (r != nullptr && r->in_use())) continue;
    add_to(*t, next, c, true);
    const bool after_use = !c.outgoing && t->receivers.at(c.wire_id)->confirms_after_use();
    if (auto added = wire().add_link(options_of(next, c, after_use)); !added) {
      abort();
      return added;
    }
    prepared_.push_back(c);
  }
  if (prepared_.empty()) return {};
  before_ = links_.load();
  use_table(std::move(t));
  return {};
}

void remote_links::abort() {
  for (const auto& c : prepared_) wire().retire_link(c.wire_id);
  prepared_.clear();
  if (before_ != nullptr) links_.store(before_, std::memory_order_release);
  before_ = nullptr;
}

void remote_links::install(const host_plan& local) {
  for (std::size_t i = 0; i < local.host_links.size(); ++i)
    give_component(*local.proxy_types[i], local.host_links[i].wire_id);
  std::lock_guard lock(here_mutex_);
  links_here_.resize(local.graph.links.size());
  for (std::size_t l = 0; l < links_here_.size(); ++l)
    links_here_[l] = links_here_[l] || local.realised(l);
  actors_here_.resize(local.graph.actors.size());
  for (std::size_t a = 0; a < actors_here_.size(); ++a)
    actors_here_[a] = actors_here_[a] || local.roles[a] == actor_role::local;
}

void remote_links::retire(const rewire_plan& what, int revision) {
  const auto each = [&](const auto& ends) {
    for (const auto& [id, end] : ends) {
      const auto& c = end->link();
      const auto fate = what.links[c.link];
      if (fate == link_fate::requeued) wire().change_link(options_of(run_.local(), c));
      if (fate != link_fate::removed) continue;
      wire().retire_link(id);
      end->retire(revision);
    }
  };
  each(links().senders);
  each(links().receivers);
}

// What takes the place of a link of the same name, from another component or host, waits for its
// end: so the receiver hears in order what was said before and after the boundary.
void remote_links::activate_new() {
  for (const auto& c : std::exchange(prepared_, {})) {
    if (c.outgoing) continue;
    const auto& all = links().receivers;
    const auto& made = all.at(c.wire_id);
    bool waits = false;
    for (const auto& [id, old] : all)
      if (old != made && old->link().name == c.name) waits = old->start_after(made) || waits;
    if (!waits) made->open();
  }
  before_ = nullptr;
}

bool remote_links::may_still_come_from(actor_index actor) const {
  const auto& all = links().receivers;
  const auto& whole = run_.local().whole;
  return std::any_of(all.begin(), all.end(), [&](const auto& one) {
    return whole.links[one.second->link().link].from == actor && one.second->is_ending();
  });
}

void remote_links::forget_retired(const std::string& peer) {
  for (const auto& [id, s] : links().senders)
    if (s->link().peer == peer) s->forget_retired();
  for (const auto& [id, r] : links().receivers)
    if (r->link().peer == peer) r->forget_retired();
}

}  // namespace hocket::distributed
