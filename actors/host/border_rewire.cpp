// Links between hosts come and go while the run goes on.
//
// A new link: both hosts make it known to the wire while they prepare. Its sender sends when its
// routes lead there; the receiver grants credit when it has changed over, so nothing of it comes
// before that but messages, and those wait. An old one: its outlets send what they still have and
// close; behind the last packet the receiver hears that the link is over, and its inlets close.
#include <algorithm>

#include "actors/host/border.hpp"

namespace hocket::host {

result<void> border::prepare(const part& next) {
  auto t = std::make_unique<table>(links());
  for (const auto& c : next.crossings) {
    auto& in_use = t->by_wire[c.wire_id];
    if (in_use) {
      std::lock_guard lock(in_use->mutex);
      if (in_use->retired == 0) continue;
    }
    auto h = make_half(next, c);
    h->held = !c.outgoing;
    if (auto added = wire_->add_link(link_options(next, *h)); !added) {
      call_off();
      return added;
    }
    prepared_.push_back(h);
    t->by_proxy[c.proxy] = h;
    in_use = std::move(h);
  }
  if (prepared_.empty()) return {};
  before_ = links_.load();
  put_in_use(std::move(t));
  return {};
}

void border::call_off() {
  for (const auto& h : prepared_) wire_->retire_link(h->what.wire_id);
  prepared_.clear();
  if (before_ != nullptr) links_.store(before_, std::memory_order_release);
  before_ = nullptr;
}

void border::fit(const part& place) {
  for (std::size_t i = 0; i < place.crossings.size(); ++i)
    give_component(*place.proxy_types[i], *links().by_wire.at(place.crossings[i].wire_id));
  std::lock_guard lock(here_mutex_);
  links_here_.resize(place.graph.links.size());
  for (std::size_t l = 0; l < links_here_.size(); ++l)
    links_here_[l] = links_here_[l] || place.realised(l);
  actors_here_.resize(place.graph.actors.size());
  for (std::size_t a = 0; a < actors_here_.size(); ++a)
    actors_here_[a] = actors_here_[a] || place.standings[a] == standing::here;
}

void border::retire(const rewire_plan& what, int revision) {
  for (const auto& [id, h] : links().by_wire) {
    const auto fate = what.links[h->what.link];
    if (fate == link_fate::requeued) wire_->change_link(link_options(world_.place(), *h));
    if (fate != link_fate::removed) continue;
    wire_->retire_link(id);
    bool told = false;
    {
      std::lock_guard lock(h->mutex);
      h->retired = revision;
      told = h->over_told >= revision;
    }
    say_over(*h);
    if (told) end_inlets(*h);
  }
}

// What takes the place of a link of the same name, from another component or host, waits for its end:
// so the receiver hears in order what was said before and after the boundary.
void border::begin_new() {
  for (const auto& h : std::exchange(prepared_, {})) {
    if (h->what.outgoing) continue;
    bool waits = false;
    for (const auto& [id, old] : links().by_wire) {
      if (old == h || old->what.outgoing || old->what.name != h->what.name) continue;
      std::lock_guard lock(old->mutex);
      if (old->retired == 0 || old->over) continue;
      old->successor = h;
      waits = true;
    }
    if (!waits) let_in(*h);
  }
  before_ = nullptr;
}

void border::let_in(half& h) {
  std::lock_guard passing(h.passing);
  if (!std::exchange(h.held, false)) return;
  for (auto& a : h.early.take()) {
    if (a.item)
      deliver_packet(h, std::move(*a.item));
    else
      deliver_message(h, a.message);
  }
  wire_->open_link(h.what.wire_id);
}

// Once, when the last outlet has closed.
void border::say_over(half& h) {
  std::lock_guard lock(h.mutex);
  if (!h.what.outgoing || h.retired == 0 || h.over || !h.outlets.empty()) return;
  h.over = true;
  wire::host_message m;
  m.what = wire::host_event::link_over;
  m.link = h.what.wire_id;
  m.value = h.retired;
  m.after_packets = true;
  send_message(h.what.peer, std::move(m));
}

// It may come before this host has changed over.
void border::hear_over(half& h, std::int64_t revision) {
  if (h.what.outgoing) return;
  {
    std::lock_guard lock(h.mutex);
    h.over_told = std::max(h.over_told, revision);
    if (h.retired == 0 || h.over_told < h.retired) return;
  }
  end_inlets(h);
}

void border::end_inlets(half& h) {
  std::vector<std::shared_ptr<cell>> inlets;
  half_ptr next;
  {
    std::lock_guard lock(h.mutex);
    if (std::exchange(h.over, true)) return;
    for (const auto& [session, back] : h.credit)
      if (auto proxy = back->proxy.lock()) inlets.push_back(std::move(proxy));
    next = std::move(h.successor);
  }
  for (const auto& inlet : inlets) inlet->set_inlet_ended(true);
  if (next) let_in(*next);
}

void border::detach(const cell& proxy) {
  auto& h = half_of(proxy);
  bool gone = false;
  {
    std::lock_guard lock(h.mutex);
    h.outlets.erase(proxy.session());
    h.credit.erase(proxy.session());
    std::erase_if(h.routes, [&](const auto& r) { return r.second.proxy.get() == &proxy; });
    gone = !h.what.outgoing && h.retired != 0 && h.credit.empty();
  }
  say_over(h);
  if (gone) end_inlets(h);  // by force: nobody said so in time
}

void border::forget_retired(const std::string& peer) {
  for (const auto& [id, h] : links().by_wire) {
    if (h->what.peer != peer) continue;
    std::vector<std::shared_ptr<cell>> outlets;
    {
      std::lock_guard lock(h->mutex);
      if (h->retired == 0 || h->over) continue;
      for (const auto& [session, o] : h->outlets)
        if (auto proxy = o.proxy.lock()) outlets.push_back(std::move(proxy));
    }
    for (const auto& outlet : outlets) outlet->request_release(true);
    if (!h->what.outgoing) end_inlets(*h);
  }
}

}  // namespace hocket::host
