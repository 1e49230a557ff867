#include "actors/wire/peer_clock.hpp"

#include <algorithm>
#include <cmath>

namespace hocket::wire {

std::int64_t peer_clock::sample::bound_ns(std::int64_t now_ns) const {
  const auto age = static_cast<double>(now_ns - at_ns);
  return rtt_ns / 2 + 1 + static_cast<std::int64_t>(age * worst_drift_ppm * 1e-6);
}

void peer_clock::exchange(std::int64_t t0, std::int64_t t1, std::int64_t t2, std::int64_t t3) {
  // A peer may send any numbers: keep far away from overflow.
  constexpr std::int64_t most = INT64_MAX / 8;
  for (const auto t : {t0, t1, t2, t3})
    if (t < 0 || t > most) return;
  const auto rtt = (t3 - t0) - (t2 - t1);
  if (t3 < t0 || t2 < t1 || rtt < 0) return;
  const sample s{t3, ((t1 - t0) + (t2 - t3)) / 2, rtt};
  if (const auto* b = best(t3);
      b != nullptr && std::abs(b->offset_ns - s.offset_ns) > b->bound_ns(t3) + s.bound_ns(t3)) {
    samples_.clear();
    ++jumps_;
  }
  samples_.push_back(s);
  ++count_;
  while (samples_.size() > 512 || samples_.front().at_ns < t3 - window_ns) samples_.pop_front();
  current_ns_ = best(t3)->offset_ns;
  current_bound_ns_ = best(t3)->bound_ns(t3);
}

const peer_clock::sample* peer_clock::best(std::int64_t now_ns) const {
  const sample* found = nullptr;
  for (const auto& s : samples_)
    if (found == nullptr || s.bound_ns(now_ns) < found->bound_ns(now_ns)) found = &s;
  return found;
}

double peer_clock::drift_ppm() const {
  // The quickest exchange of each of 16 parts of the window, then a straight line through them.
  if (samples_.size() < 8) return 0;
  const auto from = samples_.front().at_ns, span = samples_.back().at_ns - from;
  if (span < 4'000'000'000) return 0;
  const sample* quickest[16] = {};
  for (const auto& s : samples_) {
    auto& q = quickest[std::min<std::int64_t>(15, (s.at_ns - from) / (span / 16 + 1))];
    if (q == nullptr || s.rtt_ns < q->rtt_ns) q = &s;
  }
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (const auto* q : quickest) {
    if (q == nullptr) continue;
    const auto t = static_cast<double>(q->at_ns - from);
    const auto o = static_cast<double>(q->offset_ns - samples_.front().offset_ns);
    n += 1, x += t, y += o, xx += t * t, xy += t * o;
  }
  const auto spread = n * xx - x * x;
  return n < 3 || spread <= 0 ? 0 : (n * xy - x * y) / spread * 1e6;
}

clock_status peer_clock::status(std::int64_t now_ns) const {
  clock_status s;
  s.samples = count_;
  s.jumps = jumps_;
  if (const auto* b = best(now_ns)) {
    s.offset_ns = b->offset_ns;
    s.uncertainty_ns = b->bound_ns(now_ns);
    s.drift_ppm = drift_ppm();
  }
  return s;
}

std::int64_t peer_clock::to_ours(std::int64_t theirs_ns) const { return theirs_ns - current_ns_; }

bool peer_clock::is_ours(bool same_machine) const {
  return same_machine && std::abs(current_ns_) <= current_bound_ns_;
}

std::int64_t peer_clock::min_rtt_ns() const {
  std::int64_t least = 0;
  for (const auto& s : samples_) least = least == 0 ? s.rtt_ns : std::min(least, s.rtt_ns);
  return least;
}

}  // namespace hocket::wire
