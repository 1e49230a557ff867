#include "actors/wire/out_link.hpp"

#include <fmt/format.h>

#include "graph/core/assert.hpp"

namespace hocket::wire {

std::size_t cost_bytes(const encoded_packet& p) {
  std::size_t n = p.head.size();
  for (const auto& b : p.bulk) n += b.size_bytes();
  return n;
}

// Where there is room for packets at all, one may always be under way, whatever its size.
bool out_link::fits(std::uint64_t packets, std::uint64_t bytes, std::size_t cost) const {
  if (packets - at_.consumed >= window_packets_) return false;
  return packets == at_.consumed || bytes - at_.consumed_bytes + cost <= window_bytes_;
}

bool out_link::has_room(std::size_t cost) const {
  return open_ && again_ == next_ && fits(next_, sent_bytes_, cost);
}

std::uint64_t out_link::add(const packet_header& header, encoded_packet p) {
  entry e{static_cast<std::uint64_t>(header.session), header.seq, cost_bytes(p), {}};
  HOCKET_ASSERT(has_room(e.cost));
  again_bytes_ = sent_bytes_ += e.cost;
  account_.in_flight_bytes += e.cost;
  ++account_.sent;
  if (lossless()) e.kept = std::move(p);
  unconfirmed_.push_back(std::move(e));
  again_ = next_ + 1;
  return next_++;
}

void out_link::change(const remote_link& options) {
  options_ = options;
  retired_ = false;
  if (lossless()) return;
  for (auto& e : unconfirmed_) e.kept.reset();
  release_confirmed();
}

// A process may die with packets in its queue: what is kept is kept until they are consumed.
void out_link::release_confirmed() {
  while (!unconfirmed_.empty()) {
    const auto& e = unconfirmed_.front();
    if (first_ >= (e.kept ? at_.consumed : at_.received)) return;
    account_.in_flight_bytes -= e.cost;
    ++account_.delivered;
    ++first_;
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
  release_confirmed();
  return {};
}

void out_link::reset() {
  open_ = false;
  at_ = {};
  if (retired_)
    for (auto& e : unconfirmed_) e.kept.reset();
  drop_unkept();  // numbers of the process before; no receiver of the gap is left
  next_ = again_ = unconfirmed_.size();
  first_ = 0;
  sent_bytes_ = 0;
  for (const auto& e : unconfirmed_) sent_bytes_ += e.cost;
  again_bytes_ = sent_bytes_;
}

// Those that cannot be sent again: they come first.
gap_record out_link::drop_unkept() {
  gap_record gap{first_, first_, 0, {}};
  for (; !unconfirmed_.empty() && !unconfirmed_.front().kept; unconfirmed_.pop_front(), ++first_) {
    const auto& e = unconfirmed_.front();
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
  gap.to_seq = first_;
  return gap;
}

result<out_link::resumption> out_link::resume(const resume_record& r) {
  window_packets_ = r.window_packets;
  window_bytes_ = r.window_bytes;
  if (const auto ok = ack(r.at); !ok) return fail(ok);
  resumption out;
  if (auto gap = drop_unkept(); gap.to_seq > gap.from_seq) out.gap = std::move(gap);
  again_ = std::max(r.at.received, first_);
  again_bytes_ = sent_bytes_;
  for (auto seq = again_; seq < next_; ++seq) again_bytes_ -= unconfirmed_[seq - first_].cost;
  open_ = true;
  out.packets = take_again();
  return out;
}

std::vector<out_link::again> out_link::take_again() {
  std::vector<again> out;
  for (; open_ && again_ < next_; ++again_) {
    const auto& e = unconfirmed_[again_ - first_];
    if (!fits(again_, again_bytes_, e.cost)) break;
    again_bytes_ += e.cost;
    out.push_back({again_, &*e.kept});
    ++account_.sent_again;
  }
  return out;
}

void out_link::close() {
  open_ = false;
  for (const auto& e : unconfirmed_) {
    account_.in_flight_bytes -= e.cost;
    ++account_.dropped[static_cast<std::size_t>(wire_drop::peer_gone)];
  }
  unconfirmed_.clear();
  first_ = again_ = next_;
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
