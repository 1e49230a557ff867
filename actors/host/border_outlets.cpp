// What goes onto the wire: packets as far as it takes them, messages, and how much of both.
#include <algorithm>
#include <utility>

#include "actors/host/border.hpp"

namespace hocket::host {

// The link's mutex is held.
bool border::try_send(half& h, const packet& p) {
  switch (wire_->send(h.what.wire_id, p)) {
    case wire::sent_how::sent:
      count_sent(h.what.peer, h.what.wire_id, channel::lane::packets);
      return true;
    case wire::sent_how::unfit: ++h.unfit; return true;
    case wire::sent_how::no_credit:
    case wire::sent_how::no_peer: break;
  }
  return false;
}

void border::send(half& h, session_id cell_session, const packet& p) {
  std::shared_ptr<cell> freed;
  {
    std::lock_guard lock(h.mutex);
    if (!try_send(h, p)) {
      const auto it = h.outlets.find(cell_session);
      const auto proxy = it == h.outlets.end() ? nullptr : it->second.proxy.lock();
      if (!proxy) return;
      proxy->wait_for_room();
      // Room may have come in between, and its news before we were on the list.
      if (try_send(h, p))
        freed = proxy;
      else
        it->second.pending = p;
    }
  }
  if (freed) freed->unblock();
  tell_unfit(h);
}

// Once per link, and not under its mutex: an observer may open a session, which needs it.
void border::tell_unfit(half& h) {
  {
    std::lock_guard lock(h.mutex);
    if (h.unfit == 0 || std::exchange(h.unfit_told, true)) return;
  }
  world_.event("", "unfit_packet", h.what.name);
}

std::optional<writable_buffer> border::allocate(const cell& outlet, std::size_t size_bytes) {
  return wire_->allocate(half_of(outlet).what.wire_id, size_bytes);
}

void border::room_again(std::uint32_t wire_link) {
  auto* const h = find_half(wire_link);
  if (h == nullptr) return;
  std::vector<std::shared_ptr<cell>> freed;
  {
    std::lock_guard lock(h->mutex);
    for (auto& [session, o] : h->outlets) {
      if (!o.pending) continue;
      if (!try_send(*h, *o.pending)) break;
      o.pending.reset();
      if (auto proxy = o.proxy.lock()) freed.push_back(std::move(proxy));
    }
  }
  for (auto& proxy : freed) proxy->unblock();
  tell_unfit(*h);
}

void border::send_control(half& h, wire::host_event what, session_id session, std::string detail,
                          bool after_packets) {
  wire::host_message m;
  m.what = what;
  m.link = h.what.wire_id;
  m.session = session;
  m.detail = std::move(detail);
  m.after_packets = after_packets;
  if (what == wire::host_event::end_of_stream) {
    std::lock_guard lock(h.mutex);
    h.ended[session] = true;
  }
  send_message_or_stop(h, std::move(m));
}

void border::send_bound(actor_index outlet, session_id session, timestamp bound) {
  auto& h = *links().by_proxy.at(outlet);
  wire::host_message m;
  m.what = wire::host_event::bound;
  m.link = h.what.wire_id;
  m.session = session;
  m.ts = bound;
  m.after_packets = true;
  send_message_or_stop(h, std::move(m));
}

// In real time a peer that is not there learns what matters when it is back (repeat_ends, the next
// bound). Virtual time waits for every message.
void border::send_message_or_stop(half& h, wire::host_message m) {
  {
    std::lock_guard lock(h.mutex);
    if (send_message(h.what.peer, std::move(m))) return;
  }
  if (world_.is_virtual())
    world_.stop(end_reason::failed,
                "host " + h.what.peer + " takes no more messages about " + h.what.name);
}

void border::repeat_ends(const std::string& peer) {
  for (const auto& [id, h] : links().by_wire) {
    if (h->what.peer != peer) continue;
    std::vector<session_id> ended;
    {
      std::lock_guard lock(h->mutex);
      if (h->retired != 0) continue;
      for (const auto& [session, told] : h->ended) ended.push_back(session);
    }
    for (const auto session : ended)
      send_control(*h, wire::host_event::end_of_stream, session, "", true);
  }
}

bool border::send_message(const std::string& peer, wire::host_message m) {
  const auto link = m.link;
  const auto which = channel::of(m);
  if (!wire_->send_control(peer, std::move(m))) return false;
  count_sent(peer, link, which);
  return true;
}

void border::count_sent(const std::string& peer, std::uint32_t link, channel::lane which) {
  std::lock_guard lock(sent_mutex_);
  ++sent_[{world_.place().host_index(peer), link, which}];
}

channel_counts border::sent() const {
  std::lock_guard lock(sent_mutex_);
  return sent_;
}

channel::lane channel::of(const wire::host_message& m) {
  const bool ends = m.what == wire::host_event::bound || m.what == wire::host_event::end_of_stream;
  return ends ? lane::ends : lane::messages;
}

std::int64_t channel::pack() const {
  return static_cast<std::int64_t>(host) << 34 | static_cast<std::int64_t>(link) << 2 |
         static_cast<std::int64_t>(which);
}

channel channel::unpack(std::int64_t number) {
  return {static_cast<std::size_t>(number >> 34), static_cast<std::uint32_t>(number >> 2),
          static_cast<lane>(number & 3)};
}

bool border::anything_under_way() const {
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
    for (const auto& [session, o] : h->outlets)
      if (o.pending && there(h->what.peer)) return true;
  }
  return false;
}

bool border::anyone_waits() const {
  for (const auto& [id, h] : links().by_wire) {
    std::lock_guard lock(h->mutex);
    for (const auto& [session, o] : h->outlets)
      if (o.pending) return true;
  }
  return false;
}

}  // namespace hocket::host
