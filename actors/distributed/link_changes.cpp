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
    auto& in_use = t->by_wire[c.wire_id];
    if (in_use) {
      std::lock_guard lock(in_use->mutex);
      if (in_use->retired == 0) continue;
    }
    auto h = make_half(next, c);
    h->buffering = !c.outgoing;
    if (auto added = wire_->add_link(link_options(next, *h)); !added) {
      abort();
      return added;
    }
    prepared_.push_back(h);
    t->by_proxy[c.proxy] = h;
    in_use = std::move(h);
  }
  if (prepared_.empty()) return {};
  before_ = links_.load();
  use_table(std::move(t));
  return {};
}

void remote_links::abort() {
  for (const auto& h : prepared_) wire_->retire_link(h->what.wire_id);
  prepared_.clear();
  if (before_ != nullptr) links_.store(before_, std::memory_order_release);
  before_ = nullptr;
}

void remote_links::install(const host_plan& local) {
  for (std::size_t i = 0; i < local.host_links.size(); ++i)
    give_component(*local.proxy_types[i], *links().by_wire.at(local.host_links[i].wire_id));
  std::lock_guard lock(here_mutex_);
  links_here_.resize(local.graph.links.size());
  for (std::size_t l = 0; l < links_here_.size(); ++l)
    links_here_[l] = links_here_[l] || local.realised(l);
  actors_here_.resize(local.graph.actors.size());
  for (std::size_t a = 0; a < actors_here_.size(); ++a)
    actors_here_[a] = actors_here_[a] || local.roles[a] == actor_role::local;
}

void remote_links::retire(const rewire_plan& what, int revision) {
  for (const auto& [id, h] : links().by_wire) {
    const auto fate = what.links[h->what.link];
    if (fate == link_fate::requeued) wire_->change_link(link_options(run_.local(), *h));
    if (fate != link_fate::removed) continue;
    wire_->retire_link(id);
    bool ended = false;
    {
      std::lock_guard lock(h->mutex);
      h->retired = revision;
      ended = h->link_end_revision >= revision;
    }
    send_link_end(*h);
    if (ended) end_receivers(*h);
  }
}

// What takes the place of a link of the same name, from another component or host, waits for its
// end: so the receiver hears in order what was said before and after the boundary.
void remote_links::activate_new() {
  for (const auto& h : std::exchange(prepared_, {})) {
    if (h->what.outgoing) continue;
    bool waits = false;
    for (const auto& [id, old] : links().by_wire) {
      if (old == h || old->what.outgoing || old->what.name != h->what.name) continue;
      std::lock_guard lock(old->mutex);
      if (old->retired == 0 || old->link_ended) continue;
      old->successor = h;
      waits = true;
    }
    if (!waits) start_delivering(*h);
  }
  before_ = nullptr;
}

void remote_links::start_delivering(half& h) {
  std::lock_guard passing(h.passing);
  if (deliver_early(h)) wire_->open_link(h.what.wire_id);
}

// Once, when the last remote sender has closed.
void remote_links::send_link_end(half& h) {
  std::lock_guard lock(h.mutex);
  if (!h.what.outgoing || h.retired == 0 || h.link_ended || !h.senders.empty()) return;
  h.link_ended = true;
  send_message(h.what.peer,
               {wire::link_ended{static_cast<std::uint32_t>(h.retired)}, h.what.wire_id, true});
}

// It may come before this host has changed over.
void remote_links::on_link_end(half& h, std::int64_t revision) {
  if (h.what.outgoing) return;
  {
    std::lock_guard lock(h.mutex);
    h.link_end_revision = std::max(h.link_end_revision, revision);
    if (h.retired == 0 || h.link_end_revision < h.retired) return;
  }
  end_receivers(h);
}

void remote_links::end_receivers(half& h) {
  std::vector<std::shared_ptr<actor_cell>> receivers;
  half_ptr next;
  {
    std::lock_guard lock(h.mutex);
    if (std::exchange(h.link_ended, true)) return;
    for (const auto& [session, back] : h.credit)
      if (auto proxy = back->proxy.lock()) receivers.push_back(std::move(proxy));
    next = std::move(h.successor);
  }
  for (const auto& receiver : receivers) receiver->set_inlet_ended(true);
  if (next) start_delivering(*next);
}

void remote_links::detached(const actor_cell& proxy) {
  auto& h = half_of(proxy);
  bool last = false;
  {
    std::lock_guard lock(h.mutex);
    h.senders.erase(proxy.session());
    h.credit.erase(proxy.session());
    std::erase_if(h.link_ends, [&](const auto& r) { return r.second.proxy.get() == &proxy; });
    last = !h.what.outgoing && h.retired != 0 && h.credit.empty();
  }
  send_link_end(h);
  if (last) end_receivers(h);  // by force: no link end came in time
}

void remote_links::forget_retired(const std::string& peer) {
  for (const auto& [id, h] : links().by_wire) {
    if (h->what.peer != peer) continue;
    std::vector<std::shared_ptr<actor_cell>> senders;
    {
      std::lock_guard lock(h->mutex);
      if (h->retired == 0 || h->link_ended) continue;
      for (const auto& [session, o] : h->senders)
        if (auto proxy = o.proxy.lock()) senders.push_back(std::move(proxy));
    }
    for (const auto& sender : senders) sender->request_close(true);
    if (!h->what.outgoing) end_receivers(*h);
  }
}

}  // namespace hocket::distributed
