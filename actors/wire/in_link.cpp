#include "actors/wire/in_link.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/wire/out_link.hpp"

namespace hocket::wire {

result<void> in_link::arrived(received_packet a, std::vector<received_packet>& ready) {
  if (a.seq < next_ || waiting_.count(a.seq) > 0) {
    ++account_.duplicates;
    return {};
  }
  const auto cost = cost_bytes(a.content);
  const auto packets = a.seq - consumed_;
  const auto bytes = received_bytes_ + waiting_bytes_ - consumed_bytes_;
  if (packets >= granted_.window_packets || (packets > 0 && bytes + cost > granted_.window_bytes))
    return fail(
        wire_error::malformed,
        fmt::format("link {} ({}): packet {} of {} bytes is beyond the credit of {} packets "
                    "and {} bytes after {}",
                    options_.id, options_.name, a.seq, cost, granted_.window_packets,
                    granted_.window_bytes, consumed_));
  if (a.seq > next_) {
    waiting_bytes_ += cost;
    waiting_.emplace(a.seq, std::move(a));
    return {};
  }
  accept(std::move(a), ready);
  return {};
}

void in_link::accept(received_packet&& a, std::vector<received_packet>& ready) {
  received_bytes_ += cost_bytes(a.content);
  ++next_;
  ready.push_back(std::move(a));
  while (!waiting_.empty() && waiting_.begin()->first <= next_) {
    auto node = waiting_.extract(waiting_.begin());
    const auto cost = cost_bytes(node.mapped().content);
    waiting_bytes_ -= cost;
    if (node.key() < next_) continue;
    received_bytes_ += cost;
    ++next_;
    ready.push_back(std::move(node.mapped()));
  }
}

result<void> in_link::gap(const gap_record& g, std::vector<received_packet>& ready) {
  if (g.to_seq <= next_) return {};  // heard before
  if (g.from_seq != next_ || g.to_seq - next_ > credit_packets_)
    return fail(wire_error::malformed,
                fmt::format("link {} ({}): a gap [{}, {}) where {} is next", options_.id,
                            options_.name, g.from_seq, g.to_seq, next_));
  account_.gaps += g.to_seq - next_;
  consumed_ += g.to_seq - next_;
  consumed_bytes_ += g.bytes;
  received_bytes_ += g.bytes;
  next_ = g.to_seq;
  if (!waiting_.empty() && waiting_.begin()->first == next_) {
    auto node = waiting_.extract(waiting_.begin());
    waiting_bytes_ -= cost_bytes(node.mapped().content);
    accept(std::move(node.mapped()), ready);
  }
  return {};
}

void in_link::taken(std::size_t cost) {
  ++account_.sent;
  account_.in_flight_bytes += cost;
  queued_.push_back({cost, numbering_});
}

void in_link::untaken(wire_drop why) {
  if (queued_.empty()) return;  // the host consumed what it says it never took
  const auto h = queued_.back();
  queued_.pop_back();
  account_.in_flight_bytes -= h.cost;
  ++account_.dropped[static_cast<std::size_t>(why)];
  settle(h);
}

void in_link::dropped(std::size_t cost, wire_drop why) {
  ++account_.sent;
  ++account_.dropped[static_cast<std::size_t>(why)];
  release(cost);
}

void in_link::release(std::size_t cost) {
  ++consumed_;
  consumed_bytes_ += cost;
}

std::uint32_t in_link::consumed(std::uint32_t packets) {
  while (packets > 0 && !queued_.empty()) {
    const auto h = queued_.front();
    queued_.pop_front();
    --packets;
    ++account_.delivered;
    account_.in_flight_bytes -= h.cost;
    settle(h);
  }
  return packets;
}

void in_link::settle(const held& h) {
  if (h.numbering == numbering_) return release(h.cost);
  --old_packets_;
  old_bytes_ -= h.cost;
}

void in_link::change(const remote_link& options) {
  options_ = options;
  retired_ = false;
  if (options.credit_packets <= credit_packets_) return;
  credit_packets_ = options.credit_packets;
  resumed_whole_ = false;
}

void in_link::reset() {
  disconnected();
  if (retired_) open_ = false;
  credit_packets_ = options_.credit_packets;
  ++numbering_;
  next_ = received_bytes_ = consumed_ = consumed_bytes_ = 0;
  old_packets_ = queued_.size();
  old_bytes_ = account_.in_flight_bytes;
  granted_ = {};
}

std::uint32_t in_link::window_packets() const {
  return credit_packets_ -
         static_cast<std::uint32_t>(std::min<std::uint64_t>(old_packets_, credit_packets_));
}

std::uint64_t in_link::window_bytes() const {
  return options_.credit_bytes - std::min<std::uint64_t>(old_bytes_, options_.credit_bytes);
}

bool in_link::ack_due() const {
  if (!open_) return false;
  const auto packets = std::max<std::uint64_t>(1, credit_packets_ / 4);
  const auto bytes = std::max<std::uint64_t>(1, options_.credit_bytes / 4);
  return consumed_ - granted_.consumed + window_packets() - granted_.window_packets >= packets ||
         consumed_bytes_ - granted_.consumed_bytes + window_bytes() - granted_.window_bytes >=
             bytes;
}

bool in_link::ack_pending() const {
  if (!open_) return false;
  return next_ != granted_.received || consumed_ != granted_.consumed ||
         consumed_bytes_ != granted_.consumed_bytes ||
         window_packets() != granted_.window_packets || window_bytes() != granted_.window_bytes;
}

// The room is in each confirmation once it was not all there: one that is lost does no harm.
ack_record in_link::ack() {
  granted_ = {next_, consumed_, consumed_bytes_, window_packets(), window_bytes()};
  auto said = granted_;
  if (resumed_whole_) said.window_packets = 0, said.window_bytes = 0;
  return said;
}

resume_record in_link::resume() {
  resumed_whole_ = true;
  const auto at = ack();
  resumed_whole_ = old_packets_ == 0;
  return {at, granted_.window_packets, granted_.window_bytes};
}

wire_account in_link::account() const {
  auto a = account_;
  a.id = options_.id;
  a.name = options_.name;
  a.peer = options_.peer;
  a.outgoing = false;
  a.how = options_.how;
  a.in_flight = queued_.size();
  return a;
}

}  // namespace hocket::wire
