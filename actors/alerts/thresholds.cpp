#include "actors/alerts/thresholds.hpp"

namespace hocket::alerts {

std::uint64_t growth::look(timestamp now, std::uint64_t count) {
  // What was there before the first look is nobody's.
  if (kept_.empty()) {
    kept_.emplace_back(now, 0);
    last_ = count;
    return 0;
  }
  sum_ += count >= last_ ? count - last_ : count;
  last_ = count;
  // The newest sample at or before the window's begin is what it is compared with.
  while (kept_.size() > 1 && kept_[1].first <= now - window_) kept_.pop_front();
  if (now - kept_.back().first >= window_ / samples_max) kept_.emplace_back(now, sum_);
  return sum_ - kept_.front().second;
}

latch::change latch::look(timestamp now, double value) {
  if (!is_raised_) {
    is_raised_ = value > limits_.above;
    calm_since_.reset();
    return is_raised_ ? change::raised : change::none;
  }
  if (value > limits_.clear_at) {
    calm_since_.reset();
    return change::none;
  }
  if (!calm_since_) calm_since_ = now;
  if (now - *calm_since_ < limits_.clear_for) return change::none;
  is_raised_ = false;
  return change::cleared;
}

}  // namespace hocket::alerts
