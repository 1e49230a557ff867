// What goes onto the wire: packets as far as it takes them, messages, and how much of both.
#include <algorithm>

#include "actors/host/border.hpp"

namespace hocket::host {

// The link's mutex is held.
bool border::try_send(std::size_t crossing, const packet& p) {
  switch (wire_->send(wire_id(crossing), p)) {
    case wire::sent_how::sent:
      count_sent(world_.place().crossings[crossing].peer, wire_id(crossing),
                 channel::lane::packets);
      return true;
    case wire::sent_how::unfit:
      if (halves_[crossing]->unfit++ == 0)
        world_.event("", "unfit_packet", world_.place().crossings[crossing].name);
      return true;
    case wire::sent_how::no_credit:
    case wire::sent_how::no_peer: break;
  }
  return false;
}

void border::send(std::size_t crossing, session_id cell_session, const packet& p) {
  auto& h = *halves_[crossing];
  std::shared_ptr<cell> freed;
  {
    std::lock_guard lock(h.mutex);
    if (try_send(crossing, p)) return;
    const auto it = h.outlets.find(cell_session);
    const auto proxy = it == h.outlets.end() ? nullptr : it->second.proxy.lock();
    if (!proxy) return;
    proxy->wait_for_room();
    // Room may have come in between, and its news before we were on the list.
    if (try_send(crossing, p))
      freed = proxy;
    else
      it->second.pending = p;
  }
  if (freed) freed->unblock();
}

std::optional<writable_buffer> border::allocate(const cell& outlet, std::size_t size_bytes) {
  return wire_->allocate(wire_id(by_proxy_.at(outlet.actor())), size_bytes);
}

void border::room_again(std::uint32_t wire_link) {
  const auto crossing = find(wire_link);
  if (!crossing) return;
  auto& h = *halves_[*crossing];
  std::vector<std::shared_ptr<cell>> freed;
  {
    std::lock_guard lock(h.mutex);
    for (auto& [session, o] : h.outlets) {
      if (!o.pending) continue;
      if (!try_send(*crossing, *o.pending)) break;
      o.pending.reset();
      if (auto proxy = o.proxy.lock()) freed.push_back(std::move(proxy));
    }
  }
  for (auto& proxy : freed) proxy->unblock();
}

void border::send_control(std::size_t crossing, wire::host_event what, session_id session,
                          std::string detail, bool after_packets) {
  auto& h = *halves_[crossing];
  wire::host_message m;
  m.what = what;
  m.link = wire_id(crossing);
  m.session = session;
  m.detail = std::move(detail);
  m.after_packets = after_packets;
  if (what == wire::host_event::end_of_stream) {
    std::lock_guard lock(h.mutex);
    h.ended[session] = true;
  }
  send_message_or_stop(crossing, std::move(m));
}

void border::send_bound(actor_index outlet, session_id session, timestamp bound) {
  const auto crossing = by_proxy_.at(outlet);
  wire::host_message m;
  m.what = wire::host_event::bound;
  m.link = wire_id(crossing);
  m.session = session;
  m.ts = bound;
  m.after_packets = true;
  send_message_or_stop(crossing, std::move(m));
}

// In real time a peer that is not there learns what matters when it is back (repeat_ends, the next
// bound). Virtual time waits for every message.
void border::send_message_or_stop(std::size_t crossing, wire::host_message m) {
  const auto& c = world_.place().crossings[crossing];
  {
    std::lock_guard lock(halves_[crossing]->mutex);
    if (send_message(c.peer, std::move(m))) return;
  }
  if (world_.is_virtual())
    world_.stop(end_reason::failed, "host " + c.peer + " takes no more messages about " + c.name);
}

void border::repeat_ends(const std::string& peer) {
  for (std::size_t i = 0; i < halves_.size(); ++i) {
    if (world_.place().crossings[i].peer != peer) continue;
    std::vector<session_id> ended;
    {
      std::lock_guard lock(halves_[i]->mutex);
      for (const auto& [session, told] : halves_[i]->ended) ended.push_back(session);
    }
    for (const auto session : ended)
      send_control(i, wire::host_event::end_of_stream, session, "", true);
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
  for (std::size_t i = 0; i < halves_.size(); ++i) {
    std::lock_guard lock(halves_[i]->mutex);
    for (const auto& [session, o] : halves_[i]->outlets)
      if (o.pending && there(world_.place().crossings[i].peer)) return true;
  }
  return false;
}

bool border::anyone_waits() const {
  for (const auto& h : halves_) {
    std::lock_guard lock(h->mutex);
    for (const auto& [session, o] : h->outlets)
      if (o.pending) return true;
  }
  return false;
}

}  // namespace hocket::host
