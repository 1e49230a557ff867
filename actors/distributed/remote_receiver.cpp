// What comes off the wire: to its queue, or, a message, to what it is about.
#include <algorithm>

#include <fmt/format.h>

#include "actors/distributed/remote_links.hpp"

namespace hocket::distributed {

bool remote_links::deliver(received&& a) {
  auto* const h = find_half(a.link);
  if (h == nullptr) return false;
  if (!a.item)
    if (const auto* end = std::get_if<wire::link_ended>(&a.message.event)) {
      on_link_end(*h, static_cast<std::int64_t>(end->revision));
      return true;
    }
  std::uint64_t refused = 0;
  {
    std::lock_guard passing(h->passing);
    if (h->buffering) {
      if (!h->early.put(std::move(a))) refused = h->early.refused();
    } else if (a.item) {
      deliver_packet(*h, std::move(*a.item));
    } else {
      deliver_message(*h, a.message);
    }
  }
  if (refused == 1 || (refused > 0 && refused % early_messages::messages_max == 0))
    run_.observers.event(
        "", "early_message_refused",
        fmt::format("{}: the hosts speak of more than {} streams before this one takes "
                    "part; {} messages refused",
                    h->what.name, early_messages::messages_max, refused));
  return true;
}

bool remote_links::deliver_early(half& h) {
  if (!std::exchange(h.buffering, false)) return false;
  for (auto& a : h.early.take()) {
    if (a.item)
      deliver_packet(h, std::move(*a.item));
    else
      deliver_message(h, a.message);
  }
  return true;
}

// Not what a rewire has made meanwhile: its links wait for their own start.
void remote_links::start_all() {
  for (const auto& [id, h] : first_->by_wire) {
    std::lock_guard passing(h->passing);
    (void)deliver_early(*h);
  }
}

void remote_links::deliver_packet(half& h, packet&& p) {
  link_end to;
  std::shared_ptr<actor_cell> proxy;
  std::shared_ptr<half::crediting> back;
  auto why = drop_reason::session_closed;
  {
    std::lock_guard lock(h.mutex);
    if (h.retired != 0) why = drop_reason::rewired;
    if (const auto it = h.link_ends.find(p.header.session); it != h.link_ends.end()) {
      to = it->second.to;
      proxy = it->second.proxy;
      back = h.credit.at(proxy->session());
    }
  }
  if (!to.to) {
    run_.accounts.count_undeliverable(h.what.link, why);
    wire_->consumed(h.what.wire_id, 1);
    return;
  }
  const auto now_ns = monotonic_ns();
  // Its age counts from when it was sent, on our clock; the estimate may be off a little.
  auto queued_ns = now_ns;
  if (const auto& way = p.header.way; way.count > 0 && !run_.is_virtual())
    queued_ns = std::min(now_ns, way.hops[way.count - 1].emitted_ns);
  queued_packet e{std::move(p), queued_ns, run_.time.at(queued_ns)};
  to.to->push(*to.queue, std::move(e), run_.is_virtual() ? nullptr : proxy.get());
  if (h.confirms_after_use) return;
  back->credit_due.fetch_add(1);
  if (!proxy->blocked()) return_credit(h, back->credit_due);
}

void remote_links::return_credit(const half& h, std::atomic<std::uint32_t>& credit_due) {
  if (const auto n = credit_due.exchange(0); n > 0 && wire_) wire_->consumed(h.what.wire_id, n);
}

void remote_links::deliver_message(half& h, const wire::host_message& m) {
  const auto session = session_of(m);
  if (std::holds_alternative<wire::stream_end>(m.event)) return end_link(h, session);
  link_end to;
  {
    std::lock_guard lock(h.mutex);
    if (const auto it = h.link_ends.find(session); it != h.link_ends.end()) to = it->second.to;
  }
  if (!to.to) return;
  if (const auto* bound = std::get_if<wire::stream_bound>(&m.event))
    return to.to->raise_bound(*to.queue, bound->bound);
  control content;
  if (const auto* lost = std::get_if<wire::input_lost>(&m.event)) {
    content.what = control::kind::input_lost;
    content.detail = lost->reason;
  } else if (std::holds_alternative<wire::input_recovered>(m.event)) {
    content.what = control::kind::input_recovered;
  } else {
    return;
  }
  auto p = make_packet(run_.now(), std::move(content));
  p.header.session = session;
  to.to->control_lane(to.queue->port(), std::move(p));
}

void remote_links::end_link(half& h, session_id session) {
  link_end to;
  std::shared_ptr<actor_cell> proxy;
  bool all = true;
  {
    std::lock_guard lock(h.mutex);
    const auto it = h.link_ends.find(session);
    if (it == h.link_ends.end()) return;
    to = it->second.to;
    proxy = it->second.proxy;
    it->second.ended = true;
    for (const auto& [id, r] : h.link_ends) all = all && (r.ended || r.proxy != proxy);
  }
  to.to->end_input(*to.queue);
  if (all) proxy->set_inlet_ended(true);
}

void remote_links::notify_receivers(const std::string& peer, control::kind what,
                                    const std::string& why) {
  for (const auto& [id, h] : links().by_wire) {
    if (h->what.outgoing || h->what.peer != peer) continue;
    std::vector<std::pair<session_id, link_end>> open;
    {
      std::lock_guard lock(h->mutex);
      if (h->retired != 0) continue;
      for (const auto& [session, r] : h->link_ends)
        if (!r.ended) open.emplace_back(session, r.to);
    }
    for (auto& [session, r] : open) {
      control content;
      content.what = what;
      content.detail = fmt::format("host {}: {}", peer, why);
      auto p = make_packet(run_.now(), std::move(content));
      p.header.session = session;
      r.to->control_lane(r.queue->port(), std::move(p));
    }
  }
}

}  // namespace hocket::distributed
