#include "actors/wire/out_link.hpp"

#include <fmt/format.h>

#include "graph/core/assert.hpp"

namespace hocket::wire {

std::size_t cost_bytes(const encoded_packet& p) {
  std::size_t n = p.head.size();
  for (const auto& b : p.bulk) n += b.size_bytes();
  return n;
}

bool out_link::has_room(std::size_t cost) const {
  if (!open_) return false;
  const auto packets = next_ - at_.consumed;
  if (packets >= window_packets_) return false;
  const auto bytes = sent_bytes_ - at_.consumed_bytes;
  return packets == 0 || bytes + cost <= window_bytes_;
}

std::uint64_t out_link::add(const packet_header& header, const encoded_packet& p) {
  entry e{static_cast<std::uint64_t>(header.session), header.seq, cost_bytes(p), true, {}};
  HOCKET_ASSERT(has_room(e.cost));
  sent_bytes_ += e.cost;
  account_.in_flight_bytes += e.cost;
  ++account_.sent;
  if (lossless()) e.kept = p;
  unconfirmed_.push_back(std::move(e));
  return next_++;
}

void out_link::release_before(std::uint64_t seq) {
  for (; first_ < seq && !unconfirmed_.empty(); ++first_) {
    account_.in_flight_bytes -= unconfirmed_.front().cost;
    ++account_.delivered;
    unconfirmed_.pop_front();
  }
}

result<void> out_link::ack(const ack_record& a) {
  if (a.received > next_ || a.consumed > a.received || a.consumed_bytes > sent_bytes_)
    return fail(
        wire_error::malformed,
        fmt::format("link {} ({}): the peer confirms {} packets and {} bytes of {} and {}",
                    options_.id, options_.name, a.received, a.consumed_bytes, next_, sent_bytes_));
  // Totals only grow: an older confirmation that comes late says nothing new.
  at_.received = std::max(at_.received, a.received);
  at_.consumed = std::max(at_.consumed, a.consumed);
  at_.consumed_bytes = std::max(at_.consumed_bytes, a.consumed_bytes);
  window_packets_ = std::max(window_packets_, a.window_packets);
  window_bytes_ = std::max(window_bytes_, a.window_bytes);
  // A process may die with packets in its queue: a lossless link keeps them until they are consumed.
  release_before(lossless() ? at_.consumed : at_.received);
  return {};
}

void out_link::reset() {
  open_ = false;
  at_ = {};
  sent_bytes_ = 0;
  if (!lossless()) {
    // Numbers of the old life; nobody is left to be told about the gap.
    drop_all();
    next_ = 0;
  } else {
    next_ = unconfirmed_.size();
    for (const auto& e : unconfirmed_) sent_bytes_ += e.cost;
  }
  first_ = 0;  // drop_all left it at the old life's next number
}

gap_record out_link::drop_all() {
  gap_record gap{next_ - unconfirmed_.size(), next_, 0, {}};
  for (const auto& e : unconfirmed_) {
    gap.bytes += e.cost;
    account_.in_flight_bytes -= e.cost;
    ++account_.dropped[static_cast<std::size_t>(wire_drop::disconnected)];
    if (!gap.lost.empty() && gap.lost.back().session == e.session &&
        gap.lost.back().to_seq + 1 == e.header_seq) {
      ++gap.lost.back().to_seq;
    } else if (gap.lost.size() < lost_ranges_max) {
      gap.lost.push_back({e.session, e.header_seq, e.header_seq});
    }
  }
  unconfirmed_.clear();
  first_ = next_;
  return gap;
}

result<out_link::resumption> out_link::resume(const resume_record& r) {
  window_packets_ = r.window_packets;
  window_bytes_ = r.window_bytes;
  if (const auto ok = ack(r.at); !ok) return fail(ok);
  resumption out;
  if (!lossless()) {
    if (!unconfirmed_.empty()) out.gap = drop_all();
  } else {
    for (std::uint64_t seq = std::max(r.at.received, first_); seq < next_; ++seq) {
      auto& e = unconfirmed_[seq - first_];
      out.packets.push_back({seq, &*e.kept});
      ++account_.sent_again;
    }
  }
  open_ = true;
  return out;
}

void out_link::close() {
  open_ = false;
  for (const auto& e : unconfirmed_) {
    account_.in_flight_bytes -= e.cost;
    ++account_.dropped[static_cast<std::size_t>(wire_drop::peer_gone)];
  }
  unconfirmed_.clear();
  first_ = next_;
}

bool out_link::stop_waiting() {
  if (!waiting_ || !has_room(0)) return false;
  waiting_ = false;
  return true;
}

wire_account out_link::account() const {
  auto a = account_;
  a.id = options_.id;
  a.name = options_.name;
  a.peer = options_.peer;
  a.outgoing = true;
  a.how = options_.how;
  a.in_flight = unconfirmed_.size();
  return a;
}

}  // namespace hocket::wire
