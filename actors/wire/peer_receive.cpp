// What arrives from a peer: packets to the host, credit and losses into the books.
#include <fmt/format.h>

#include "actors/wire/peer.hpp"
#include "graph/core/clock.hpp"

namespace hocket::wire {
namespace {
/// Messages that wait for their packets, which are on the other lane and not far behind.
constexpr std::size_t waiting_messages_max = 4 * host_message_log::unconfirmed_max;
}  // namespace

void peer::data_message(const std::string& route, std::span<const std::byte> head,
                        std::span<const buffer> frames, shm_reader* arena, clock_ns came_ns) {
  auto f = decode_data(head);
  if (!f) return garbage();
  std::lock_guard deliver(deliver_);
  // Who notes a message later delivers it, too, once `deliver_` is free.
  bool messages_wait = false;
  {
    std::lock_guard lock(books_);
    // Of an earlier connection, or after a violation: the node's thread will end this one.
    if (f->connection != connection_ || !broken_.empty()) return;
    if (phase_ != phase::lanes && phase_ != phase::up) return;
    live_.heard_data(came_ns);
    messages_wait = !waiting_messages_.empty();
  }
  if (arena == nullptr) become_up(route);
  std::size_t next_frame = 0;
  result<void> ok;
  for (auto& r : f->records)
    if (ok = take(r, frames, next_frame, arena); !ok) break;
  if (ok && next_frame != frames.size())
    ok = fail(wire_error::malformed, "bulk frames that belong to no packet");
  if (ok) {
    if (messages_wait) deliver_messages();
    return;
  }
  {
    std::lock_guard lock(books_);
    ++malformed_;
    broken_ = "it broke the protocol: " + ok.error().message;
  }
  core_.awake.wake();
}

/// The first data of a connection: both lanes work.
bool peer::become_up(const std::string& route) {
  bool restarted = false;
  {
    std::lock_guard lock(books_);
    if (phase_ != phase::lanes) return false;
    phase_ = phase::up;
    if (!connects()) {
      lane_.open(core_.data_router, route, connection_);
      grant_all();
      lane_.put_beat(0);
      lane_.flush();
    }
    ++connects_count_;
    restarted = std::exchange(restarted_, false);
    state_ = peer_state::up;
    state_since_ns_ = monotonic_ns();
    reason_ = restarted ? "connected" : "connected again";
  }
  retry_.reset();
  slow_retry_.reset();
  core_.events.peer_changed(options_.name, peer_state::up,
                            restarted ? "connected" : "connected again", restarted);
  offer_due_ = true;
  return true;
}

result<void> peer::take(data_record& r, std::span<const buffer> frames, std::size_t& next_frame,
                        shm_reader* arena) {
  if (auto* p = std::get_if<packet_record>(&r.body))
    return take_packet(r.link, *p, frames, next_frame, arena);
  if (std::holds_alternative<beat>(r.body)) return {};
  if (const auto* g = std::get_if<gap_record>(&r.body)) {
    std::vector<in_link::received_packet> ready;
    in_link* link = nullptr;
    {
      std::lock_guard lock(books_);
      const auto found = in_.find(r.link);
      if (found == in_.end()) return fail(wire_error::malformed, "a gap of an unknown link");
      link = &found->second;
      HOCKET_TRY(link->gap(*g, ready));
      lane_.put(r.link, link->ack());
    }
    for (const auto& l : g->lost)
      core_.events.gap(r.link, static_cast<session_id>(l.session), l.from_seq, l.to_seq);
    hand_over(*link, ready);
    return {};
  }
  std::vector<std::uint32_t> room;
  {
    std::lock_guard lock(books_);
    const auto found = out_.find(r.link);
    if (found == out_.end()) return fail(wire_error::malformed, "credit for an unknown link");
    auto& link = found->second;
    HOCKET_TRY(take_credit(link, r.body));
    if (link.stop_waiting()) room.push_back(r.link);
  }
  core_.progress.notify_all();
  tell_room(room);
  return {};
}

result<void> peer::take_credit(out_link& link, const data_body& r) {
  const auto id = link.options().id;
  std::vector<out_link::again> packets;
  if (const auto* resume = std::get_if<resume_record>(&r)) {
    auto again = link.resume(*resume);
    if (!again) return fail(again);
    if (again->gap) lane_.put(id, *again->gap);
    packets = std::move(again->packets);
  } else {
    HOCKET_TRY(link.ack(std::get<ack_record>(r)));
    packets = link.take_again();
  }
  for (const auto& p : packets) lane_.put(id, p.seq, *p.content);
  return {};
}

void peer::tell_room(const std::vector<std::uint32_t>& links) {
  for (const auto link : links) core_.events.room_again(link);
}

result<void> peer::take_packet(std::uint32_t id, packet_record& r, std::span<const buffer> frames,
                               std::size_t& next_frame, shm_reader* arena) {
  in_link::received_packet a{r.seq, {std::move(r.head), {}}};
  a.content.bulk.reserve(r.bulk.size());
  for (auto& place : r.bulk) {
    if (place.how == bulk_place::way::inside) {
      a.content.bulk.push_back(buffer::copy_of(std::as_bytes(std::span(place.inside))));
    } else if (place.how == bulk_place::way::frame) {
      if (next_frame >= frames.size() || frames[next_frame].size_bytes() != place.size_bytes)
        return fail(wire_error::malformed, "a bulk frame is missing");
      a.content.bulk.push_back(frames[next_frame++]);
    } else {
      auto found = arena == nullptr
                       ? std::optional<buffer>()
                       : arena->find(place.lease, place.offset_bytes, place.size_bytes);
      if (!found) return fail(wire_error::malformed, "a bulk block outside of the arena");
      a.content.bulk.push_back(std::move(*found));
    }
  }
  std::vector<in_link::received_packet> ready;
  in_link* link = nullptr;
  {
    std::lock_guard lock(books_);
    const auto found = in_.find(id);
    if (found == in_.end())
      return fail(wire_error::malformed, fmt::format("a packet of unknown link {}", id));
    link = &found->second;
    bytes_in_ += cost_bytes(a.content);
    HOCKET_TRY(link->arrived(std::move(a), ready));
  }
  hand_over(*link, ready);
  return {};
}

/// deliver_ is held.
void peer::hand_over(in_link& link, std::vector<in_link::received_packet>& ready) {
  const auto id = link.options().id;
  for (auto& a : ready) {
    const auto cost = cost_bytes(a.content);
    auto p = decode(std::as_bytes(std::span(a.content.head)), a.content.bulk, core_.options.limits);
    a.content.bulk.clear();
    {
      std::lock_guard lock(books_);
      if (p) {
        map_times(p->header);
        link.taken(cost);
      } else {
        link.dropped(cost, wire_drop::undecodable);
        ++malformed_;
      }
    }
    if (p && !core_.events.packet_arrived(id, std::move(*p))) {
      std::lock_guard lock(books_);
      link.untaken(wire_drop::no_room);
    }
    std::lock_guard lock(books_);
    if (link.ack_due())
      lane_.put(id, link.ack());
    else
      want_ack(link);
  }
}

/// Times of the sender's monotonic clock become times of ours. On one machine it is the same clock,
/// as long as the measured offset does not say otherwise (a time namespace).
void peer::map_times(packet_header& h) const {
  if (clock_.is_ours(same_machine_)) return;
  const auto map = [&](std::int64_t& t) {
    if (t != 0) t = clock_.to_ours(t);
  };
  map(h.origin_ns);
  for (std::size_t i = 0; i < h.way.count; ++i) {
    map(h.way.hops[i].queued_ns);
    map(h.way.hops[i].started_ns);
    map(h.way.hops[i].emitted_ns);
  }
}

void peer::on_beat(const beat& b, clock_ns now) {
  echo_sent_ns_ = b.sent_ns;
  echo_received_ns_ = now;
  if (b.echo_sent_ns == 0) return;
  std::lock_guard lock(books_);
  clock_.exchange(b.echo_sent_ns, b.echo_received_ns, b.sent_ns, now);
}

void peer::host_message_came(const numbered_message& l) {
  message_ack ack;
  {
    std::lock_guard lock(books_);
    const auto fresh = messages_.arrived(l);
    if (!fresh) {
      broken_ = fresh.error().message;
      return;
    }
    if (*fresh && waiting_messages_.size() >= waiting_messages_max) {
      broken_ = "it sends messages whose packets do not come";
      return;
    }
    if (*fresh) waiting_messages_.push_back(l);
    ack = messages_.ack();
  }
  send_control_frame(ack);
  std::lock_guard deliver(deliver_);
  deliver_messages();
}

/// Those whose packets have been handed over. deliver_ is held. Not before we are up: the other
/// side may be up earlier, and the control lane faster than the data lane; a host that heard a
/// greeting before it knows our process would forget it.
void peer::deliver_messages() {
  for (;;) {
    std::optional<numbered_message> next;
    {
      std::lock_guard lock(books_);
      if (phase_ != phase::up) return;
      for (auto at = waiting_messages_.begin(); at != waiting_messages_.end(); ++at) {
        const auto link = in_.find(at->message.link);
        if (at->after_seq > 0 && link != in_.end() && link->second.next_seq() < at->after_seq)
          continue;
        next = std::move(*at);
        waiting_messages_.erase(at);
        break;
      }
    }
    if (!next) return;
    core_.events.control_arrived(options_.name, next->message);
  }
}

}  // namespace hocket::wire
