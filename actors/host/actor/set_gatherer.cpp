#include "actors/host/actor/set_gatherer.hpp"

#include <algorithm>

#include "graph/core/assert.hpp"

namespace hocket::host {
namespace {

auto find_group(auto& groups, session_id id) {
  return std::lower_bound(groups.begin(), groups.end(), id,
                          [](const input_group& g, session_id s) { return g.session < s; });
}

/// Packets of one stream time from all inputs, as soon as no input can bring another one of it.
class aligned final : public set_gatherer {
 public:
  using set_gatherer::set_gatherer;
  bool is_late(payload_kind) const override { return true; }

 private:
  bool ready(const input_group& g, timestamp now) const override {
    timestamp t;
    return find_time(g, now, t);
  }

  due next(input_group& g, timestamp now) override {
    timestamp t;
    find_time(g, now, t);
    return {&g, grid_.index_of(t), t, t + duration(1)};
  }

  // The oldest time at the front of the queues; false: something of that time may still come.
  bool find_time(const input_group& g, timestamp now, timestamp& t) const {
    t = timestamp::max();
    for (const auto* q : g.queues) {
      if (q->empty()) continue;
      if (q->back_edge() && is_virtual_ && q->at(0).queued_at >= now) continue;
      t = std::min(t, q->at(0).item.header.ts);
    }
    if (t == timestamp::max()) return false;
    for (const auto* q : g.queues)
      if (!q->back_edge() && q->bound() <= t) return false;
    return true;
  }
};

/// All that belongs to a micro-turn, when its time is over, or nothing more can come.
class micro_turn final : public set_gatherer {
 public:
  using set_gatherer::set_gatherer;
  void deadline(std::int64_t k) override { deadline_k_ = std::max(deadline_k_, k); }
  void over(std::int64_t k) override { over_k_ = std::max(over_k_, k); }
  // A late event (words, a result) joins the next set; late sound would stretch it.
  bool is_late(payload_kind kind) const override {
    return kind != payload_kind::text && is_perishable(kind);
  }

 private:
  bool ready(const input_group& g, timestamp) const override {
    if (forward_ended(g)) {
      // No input will raise its bound any more: what is left goes out, then silence.
      bool some = false;
      for (const auto* q : g.queues) some = some || (!q->back_edge() && !q->empty());
      if (!some) return false;
      if (!is_virtual_) return true;
    }
    if (deadline_k_ >= g.next_k) return true;
    // Virtual time hands over at the deadline only; real time as soon as nothing more can come, in
    // a shared actor when that is true of all conversations, so that they stay one batch. One whose
    // sound is late costs the others nothing but that: they go when the time is over.
    if (is_virtual_ || !is_settled(g)) return false;
    return over_k_ >= g.next_k || std::ranges::none_of(groups_, [&](const auto& other) {
             return is_waited_for(other, g);
           });
  }

  // What a shared actor sends to nobody in particular belongs to no conversation: nobody settles it.
  bool is_waited_for(const input_group& other, const input_group& by) const {
    return other.session != session_id::none && other.next_k <= by.next_k &&
           !other.queues.empty() && !forward_ended(other) && !is_settled(other);
  }

  due next(input_group& g, timestamp) override {
    if (forward_ended(g)) {
      // Skip what nothing is left in.
      auto first = timestamp::max();
      for (const auto* q : g.queues)
        if (!q->back_edge() && !q->empty()) first = std::min(first, q->at(0).item.header.ts);
      if (first != timestamp::max() && !is_virtual_)
        g.next_k = std::max(g.next_k, grid_.index_of(first));
    }
    const auto k = g.next_k++;
    return {&g, k, grid_.start_of(k), grid_.end_of(k)};
  }

  // Every forward input said that nothing more of this micro-turn comes.
  bool is_settled(const input_group& g) const {
    const auto end = grid_.end_of(g.next_k);
    bool any = false;
    for (const auto* q : g.queues) {
      if (q->back_edge()) continue;
      any = true;
      if (q->bound() < end) return false;
    }
    return any;
  }

  std::int64_t deadline_k_ = -1, over_k_ = -1;
};

}  // namespace

std::unique_ptr<set_gatherer> set_gatherer::make(input_policy policy, const micro_turn_grid& grid,
                                                 bool is_virtual) {
  if (policy == input_policy::aligned) return std::make_unique<aligned>(grid, is_virtual);
  if (policy == input_policy::micro_turn) return std::make_unique<micro_turn>(grid, is_virtual);
  return nullptr;
}

void set_gatherer::add(input_queue& q, timestamp now) {
  auto it = find_group(groups_, q.session());
  if (it == groups_.end() || it->session != q.session()) {
    input_group g;
    g.session = q.session();
    g.next_k = std::max<std::int64_t>(grid_.index_of(now), 0);
    it = groups_.insert(it, std::move(g));
  }
  it->queues.push_back(&q);
}

void set_gatherer::remove(const input_queue& q) {
  for (auto& g : groups_) std::erase(g.queues, &q);
  std::erase_if(groups_, [](const input_group& g) { return g.queues.empty(); });
}

void set_gatherer::remove_session(session_id id) {
  std::erase_if(groups_, [&](const input_group& g) { return g.session == id; });
}

bool set_gatherer::any_ready(timestamp now) const {
  return std::any_of(groups_.begin(), groups_.end(),
                     [&](const input_group& g) { return ready(g, now); });
}

bool set_gatherer::starved(const input_queue& q, timestamp now) const {
  const auto it = find_group(groups_, q.session());
  HOCKET_ASSERT(it != groups_.end() && it->session == q.session());
  return !ready(*it, now);
}

std::vector<set_gatherer::due> set_gatherer::take(timestamp now) {
  // First find the ready ones, then take: taking changes what is ready.
  std::vector<input_group*> all;
  for (auto& g : groups_)
    if (ready(g, now)) all.push_back(&g);
  std::vector<due> out;
  for (auto* g : all) out.push_back(next(*g, now));
  return out;
}

bool set_gatherer::forward_ended(const input_group& g) {
  bool any = false;
  for (const auto* q : g.queues) {
    if (q->back_edge()) continue;
    any = true;
    if (!q->ended()) return false;
  }
  return any;
}

std::map<session_id, std::int64_t> set_gatherer::positions() const {
  std::map<session_id, std::int64_t> out;
  for (const auto& g : groups_) out[g.session] = g.next_k;
  return out;
}

void set_gatherer::go_on_from(const std::map<session_id, std::int64_t>& positions) {
  for (auto& g : groups_)
    if (const auto it = positions.find(g.session); it != positions.end()) g.next_k = it->second;
}

}  // namespace hocket::host
