#include "actors/host/actor/input_queue.hpp"

#include <algorithm>
#include <utility>

namespace hocket::host {

bool is_perishable(payload_kind kind) {
  return kind == payload_kind::audio || kind == payload_kind::video ||
         kind == payload_kind::tensor || kind == payload_kind::text;
}

timestamp end_of(const packet& p) {
  if (const auto* a = p.get_if<audio_chunk>(); a && a->rate_hz > 0) {
    const auto length = timestamp::of_samples(a->frames(), a->rate_hz);
    return p.header.ts + duration(std::max<std::int64_t>(length.ns(), 1));
  }
  return p.header.ts + duration(1);
}

std::size_t input_queue::hard_limit() const {
  return std::max<std::size_t>(1024, 64 * static_cast<std::size_t>(setup_.spec.size));
}

std::size_t input_queue::limit_for_lost(const packet& p) const {
  constexpr std::size_t most_bytes = std::size_t{64} << 20;
  const auto most = most_bytes / std::max<std::size_t>(1, size_bytes(*p.body));
  return std::clamp(most, static_cast<std::size_t>(setup_.spec.size), hard_limit());
}

// A receiver of micro-turns keeps the newest of each micro-turn, not the newest of all: a packet
// of the next one must not push out what the open one still waits to be handed.
bool input_queue::keeps_beside(const packet& p) const {
  return setup_.policy == input_policy::micro_turn && items_.size() < 8 &&
         setup_.grid.index_of(items_[items_.size() - 1].item.header.ts) !=
             setup_.grid.index_of(p.header.ts);
}

input_queue::effect input_queue::push(queued_packet&& e, bool is_host_lost) {
  ++account_.sent;
  raise_bound(end_of(e.item));
  auto done = effect::added;
  switch (setup_.spec.full) {
    case full_policy::block:
      // The sender is not called again while the queue is full, so this grows by one call's
      // output at most; only what may not stop its sender can reach the limit: a back edge, and
      // the way to a lost host.
      // More than one where those that came before were smaller.
      for (const auto most = is_host_lost ? limit_for_lost(e.item) : hard_limit();
           items_.size() >= most;) {
        items_.take_front();
        account_.drop(drop_reason::queue_full_oldest);
        settled(1);
        done = effect::swapped;
      }
      break;
    case full_policy::drop_oldest:
      if (full()) {
        items_.take_front();
        account_.drop(drop_reason::queue_full_oldest);
        settled(1);
        done = effect::swapped;
      }
      break;
    case full_policy::drop_newest:
      if (full()) {
        account_.drop(drop_reason::queue_full_newest);
        settled(1);
        return effect::refused;
      }
      break;
    case full_policy::latest:
      if (!items_.empty() && !keeps_beside(e.item)) {
        items_.back() = std::move(e);
        account_.drop(drop_reason::replaced);
        settled(1);
        return effect::swapped;
      }
      break;
  }
  items_.push_back(std::move(e));
  account_.depth_max = std::max<std::uint64_t>(account_.depth_max, items_.size());
  return done;
}

void input_queue::take_before(timestamp end, timestamp settled_at,
                              std::vector<queued_packet>& out) {
  // In virtual time a packet on a back edge waits for a later stream time than that of its sending.
  const auto wanted = [&](queued_packet& e) {
    if (e.item.header.ts >= end || (setup_.back_edge && e.queued_at >= settled_at)) return false;
    ++taken_;
    out.push_back(std::move(e));
    return true;
  };
  items_.remove_if(wanted);
}

std::size_t input_queue::purge(drop_reason why) {
  const auto n = items_.size();
  items_.remove_if([](const queued_packet&) { return true; });
  account_.drop(why, n);
  settled(n);
  return n;
}

std::size_t input_queue::purge_older_than(epoch_number epoch) {
  stale_below_.store(epoch, std::memory_order_release);
  const auto n = items_.remove_if([&](const queued_packet& e) { return is_stale(e.item); });
  account_.drop(drop_reason::old_epoch, n);
  settled(n);
  return n;
}

input_queue::queue_state input_queue::export_state() {
  queue_state e;
  e.items.reserve(items_.size());
  while (!items_.empty()) e.items.push_back(items_.take_front());
  account_.sent -= e.items.size();
  e.bound = bound_;
  e.handed = handed;
  e.stale_below = stale_below_.load(std::memory_order_acquire);
  e.blocked_since_ns = std::exchange(blocked_since_ns, 0);
  e.ended = ended_;
  e.end_told = end_told;
  return e;
}

void input_queue::import_state(queue_state&& e) {
  account_.sent += e.items.size();
  for (auto& i : e.items) items_.push_back(std::move(i));
  account_.depth_max = std::max<std::uint64_t>(account_.depth_max, items_.size());
  raise_bound(e.bound);
  handed = std::max(handed, e.handed);
  stale_below_.store(std::max(e.stale_below, stale_below_.load()), std::memory_order_release);
  blocked_since_ns = e.blocked_since_ns;
  ended_ = e.ended;
  end_told = e.end_told;
}

std::size_t input_queue::set_policy(const queue_spec& spec) {
  setup_.spec = spec;
  max_age_ms_.store(spec.max_age_ms, std::memory_order_relaxed);
  if (spec.full == full_policy::block) return 0;
  const auto room = spec.full == full_policy::latest ? 1 : static_cast<std::size_t>(spec.size);
  std::size_t dropped = 0;
  for (; items_.size() > room; ++dropped) items_.take_front();
  account_.drop(drop_reason::rewired, dropped);
  settled(dropped);
  return dropped;
}

std::shared_ptr<actor_cell> input_queue::unblock_sender(std::int64_t now_ns) {
  if (blocked_since_ns == 0) return nullptr;
  account_.blocked_ns += static_cast<std::uint64_t>(now_ns - blocked_since_ns);
  blocked_since_ns = 0;
  return setup_.sender.lock();
}

}  // namespace hocket::host
