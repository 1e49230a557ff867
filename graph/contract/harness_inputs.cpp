#include <algorithm>

#include <fmt/format.h>

#include "graph/contract/harness.hpp"
#include "graph/core/assert.hpp"

// How a harness collects packets into sets and lets time pass.
namespace hocket {

result<void> harness::push(std::string_view port, packet p) {
  HOCKET_ASSERT(opened_ && p.body != nullptr);
  const auto index = input_index(port);
  const auto& declared = type_.info.inputs[index];
  if (const auto why = why_unfit(declared.type, *p.body); !why.empty())
    return fail("harness.bad_packet", fmt::format("input {}: {}", declared.name, why));
  p.header.session = session_;
  p.header.seq = pushed_[session_]++;
  p.header.micro_turn = options_.grid.index_of(p.header.ts);
  p.header.epoch = epochs_[session_];
  p.header.origin_ts = p.header.ts;
  if (policy_ == input_policy::immediate || policy_ == input_policy::latest)
    return guarded([&](emitter& out) { return component_->process(index, p, out); }, session_,
                   p.header.epoch);
  if (policy_ == input_policy::micro_turn) {
    if (p.header.micro_turn < next_micro_turn_) {
      ++late_;
      return {};
    }
    inputs_[index].pending[session_].push_back(std::move(p));
    return {};
  }
  const auto ts = p.header.ts;
  inputs_[index].pending[session_].push_back(std::move(p));
  auto& bound = inputs_[index].bound.try_emplace(session_, timestamp::min()).first->second;
  bound = std::max(bound, ts + duration(1));
  return hand_over_aligned();
}

result<void> harness::settle(std::string_view port, timestamp ts) {
  auto& bound =
      inputs_[input_index(port)].bound.try_emplace(session_, timestamp::min()).first->second;
  bound = std::max(bound, ts);
  return policy_ == input_policy::aligned ? hand_over_aligned() : result<void>();
}

void harness::drop_old_epochs(session_id session) {
  for (auto& input : inputs_) {
    auto& packets = input.pending[session];
    std::erase_if(packets, [&](const packet& p) { return p.header.epoch < epochs_[session]; });
  }
}

bundle harness::take_bundle(session_id session, timestamp from, timestamp to) {
  bundle b;
  b.session = session;
  b.micro_turn = options_.grid.index_of(from);
  b.from = from;
  b.to = to;
  b.epoch = epochs_[session];
  for (auto& input : inputs_) {
    auto& pending = input.pending[session];
    std::vector<packet> set;
    for (const auto& p : pending)
      if (p.header.ts >= from && p.header.ts < to) set.push_back(p);
    std::erase_if(pending, [&](const packet& p) { return p.header.ts < to; });
    b.missing.push_back(input.connected && set.empty());
    b.inputs.push_back(std::move(set));
  }
  return b;
}

result<void> harness::hand_over_micro_turn(std::int64_t k) {
  std::vector<bundle> bundles;
  for (const auto s : options_.sessions)
    bundles.push_back(take_bundle(s, options_.grid.start_of(k), options_.grid.end_of(k)));
  const bool shared = type_.info.scope == instance_scope::shared;
  const auto at_once = shared ? bundles.size() : 1;
  for (std::size_t i = 0; i < bundles.size(); i += at_once) {
    const auto& first = bundles[i];
    HOCKET_TRY(guarded(
        [&](emitter& out) {
          return component_->process_sets(std::span(bundles).subspan(i, at_once), out);
        },
        first.session, first.epoch));
  }
  return {};
}

/// The earliest timestamp of a session that every connected input has passed.
std::optional<timestamp> harness::next_settled(session_id session) const {
  std::optional<timestamp> earliest;
  timestamp settled = timestamp::max();
  for (const auto& input : inputs_) {
    if (!input.connected) continue;
    const auto bound = input.bound.find(session);
    settled = std::min(settled, bound == input.bound.end() ? timestamp::min() : bound->second);
    const auto pending = input.pending.find(session);
    if (pending == input.pending.end()) continue;
    for (const auto& p : pending->second)
      earliest = earliest ? std::min(*earliest, p.header.ts) : p.header.ts;
  }
  return earliest && *earliest < settled ? earliest : std::nullopt;
}

result<void> harness::hand_over_aligned() {
  for (const auto s : options_.sessions) {
    while (const auto t = next_settled(s)) {
      const auto b = take_bundle(s, *t, *t + duration(1));
      HOCKET_TRY(
          guarded([&](emitter& out) { return component_->process_sets(std::span(&b, 1), out); }, s,
                  b.epoch));
    }
  }
  return {};
}

result<void> harness::step(timestamp t) {
  time_.set(t);
  run_due_posts();
  const auto& info = type_.info;
  if (info.source && !ended_ && t >= next_produce_) {
    next_produce_ = t + std::chrono::milliseconds(std::max(1, info.period_ms));
    HOCKET_TRY(guarded(
        [&](emitter& out) -> result<void> {
          const auto state = component_->produce(t, out);
          if (!state) return fail(state);
          ended_ = *state == source_state::end_of_stream;
          return {};
        },
        session_, epochs_[session_]));
  }
  while (t >= options_.grid.end_of(next_micro_turn_)) {
    const auto k = next_micro_turn_++;
    if (policy_ == input_policy::micro_turn) HOCKET_TRY(hand_over_micro_turn(k));
    if (info.ticks)
      HOCKET_TRY(guarded([&](emitter& out) { return component_->tick(k, out); }, session_,
                         epochs_[session_]));
  }
  return {};
}

result<void> harness::advance_to(timestamp until) {
  HOCKET_ASSERT(opened_);
  while (time_.now() < until) {
    auto next = std::min(until, options_.grid.end_of(next_micro_turn_));
    if (type_.info.source && !ended_ && next_produce_ > time_.now())
      next = std::min(next, next_produce_);
    else if (type_.info.source && !ended_)
      next = std::min(next,
                      time_.now() + std::chrono::milliseconds(std::max(1, type_.info.period_ms)));
    HOCKET_TRY(step(next));
  }
  run_due_posts();
  return {};
}

result<void> harness::run_to_end(timestamp limit) {
  while (!ended_) {
    if (time_.now() >= limit)
      return fail("harness.endless",
                  fmt::format("{} has not ended by {} ms", type_.info.type, limit.ms()));
    HOCKET_TRY(advance_to(options_.grid.end_of(next_micro_turn_)));
  }
  return {};
}

}  // namespace hocket
