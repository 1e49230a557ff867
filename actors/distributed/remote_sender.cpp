// What goes onto the wire: packets as far as it takes them, messages, and how much of both.
#include <algorithm>
#include <utility>

#include "actors/distributed/remote_links.hpp"

namespace hocket::distributed {

// The link's mutex is held.
bool remote_links::try_send(half& h, const packet& p) {
  switch (wire_->send(h.what.wire_id, p)) {
    case wire::sent_how::sent:
      count_sent(h.what.peer, h.what.wire_id, wire::channel_kind::packets);
      return true;
    case wire::sent_how::unsendable: ++h.unsendable; return true;
    case wire::sent_how::no_credit:
    case wire::sent_how::no_peer: break;
  }
  return false;
}

void remote_links::send(half& h, session_id cell_session, const packet& p) {
  std::shared_ptr<actor_cell> unblocked;
  {
    std::lock_guard lock(h.mutex);
    if (!try_send(h, p)) {
      const auto it = h.senders.find(cell_session);
      const auto proxy = it == h.senders.end() ? nullptr : it->second.proxy.lock();
      if (!proxy) return;
      proxy->close_gate();
      // Room may have come in between, and its news before we were on the list.
      if (try_send(h, p))
        unblocked = proxy;
      else
        it->second.pending = p;
    }
  }
  if (unblocked) unblocked->open_gate();
  notify_unsendable(h);
}

// Once per link, and not under its mutex: an observer may open a session, which needs it.
void remote_links::notify_unsendable(half& h) {
  {
    std::lock_guard lock(h.mutex);
    if (h.unsendable == 0 || std::exchange(h.unsendable_told, true)) return;
  }
  run_.observers.event("", "unfit_packet", h.what.name);
}

std::optional<writable_buffer> remote_links::allocate(const actor_cell& sender,
                                                      std::size_t size_bytes) {
  return wire_->allocate(half_of(sender).what.wire_id, size_bytes);
}

void remote_links::room_again(std::uint32_t wire_link) {
  auto* const h = find_half(wire_link);
  if (h == nullptr) return;
  std::vector<std::shared_ptr<actor_cell>> unblocked;
  {
    std::lock_guard lock(h->mutex);
    for (auto& [session, o] : h->senders) {
      if (!o.pending) continue;
      if (!try_send(*h, *o.pending)) break;
      o.pending.reset();
      if (auto proxy = o.proxy.lock()) unblocked.push_back(std::move(proxy));
    }
  }
  for (auto& proxy : unblocked) proxy->open_gate();
  notify_unsendable(*h);
}

void remote_links::send_event(half& h, wire::host_event event, bool after_packets) {
  if (const auto* end = std::get_if<wire::stream_end>(&event)) {
    std::lock_guard lock(h.mutex);
    h.ended[end->session] = true;
  }
  send_message_or_stop(h, {std::move(event), h.what.wire_id, after_packets});
}

void remote_links::send_bound(actor_index proxy, session_id session, timestamp bound) {
  auto& h = *links().by_proxy.at(proxy);
  send_message_or_stop(h, {wire::stream_bound{session, bound}, h.what.wire_id, true});
}

// In real time a peer that is not there learns what matters when it is back (repeat_ends, the next
// bound). Virtual time waits for every message.
void remote_links::send_message_or_stop(half& h, wire::host_message m) {
  {
    std::lock_guard lock(h.mutex);
    if (send_message(h.what.peer, std::move(m))) return;
  }
  if (run_.is_virtual())
    run_.end.stop(end_reason::failed,
                  "host " + h.what.peer + " takes no more messages about " + h.what.name);
}

void remote_links::repeat_ends(const std::string& peer) {
  for (const auto& [id, h] : links().by_wire) {
    if (h->what.peer != peer) continue;
    std::vector<session_id> ended;
    {
      std::lock_guard lock(h->mutex);
      if (h->retired != 0) continue;
      for (const auto& [session, sent_before] : h->ended) ended.push_back(session);
    }
    for (const auto session : ended) send_event(*h, wire::stream_end{session}, true);
  }
}

bool remote_links::send_message(const std::string& peer, wire::host_message m) {
  const auto link = m.link;
  const auto which = ordered_channel::of(m);
  if (!wire_->send_control(peer, std::move(m))) return false;
  count_sent(peer, link, which);
  return true;
}

void remote_links::count_sent(const std::string& peer, std::uint32_t link,
                              wire::channel_kind which) {
  std::lock_guard lock(sent_mutex_);
  ++sent_[{run_.local().host_index(peer), link, which}];
}

channel_counts remote_links::sent() const {
  std::lock_guard lock(sent_mutex_);
  return sent_;
}

bool remote_links::anything_under_way() const {
  const auto status = wire_->status();
  const auto there = [&](const std::string& peer) {
    return std::any_of(status.peers.begin(), status.peers.end(), [&](const auto& p) {
      return p.name == peer &&
             (p.state == wire::peer_state::up || p.state == wire::peer_state::suspect);
    });
  };
  for (const auto& l : status.links)
    if (l.outgoing && l.in_flight > 0 && there(l.peer)) return true;
  for (const auto& [id, h] : links().by_wire) {
    std::lock_guard lock(h->mutex);
    for (const auto& [session, o] : h->senders)
      if (o.pending && there(h->what.peer)) return true;
  }
  return false;
}

bool remote_links::anyone_waits() const {
  for (const auto& [id, h] : links().by_wire) {
    std::lock_guard lock(h->mutex);
    for (const auto& [session, o] : h->senders)
      if (o.pending) return true;
  }
  return false;
}

}  // namespace hocket::distributed
