#include "actors/gateway/webrtc/voice_queue.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hocket::gateway::webrtc {
namespace {

constexpr float silence = 0.003f;
constexpr std::size_t hole_blocks = 25;    ///< of 20 ms: what comes later is no hole, but new
constexpr std::size_t calm_blocks = 1500;  ///< without a voice; then the moment is short again

template <class Samples>
bool is_silent(const Samples& first, std::size_t n) {
  return std::all_of(first, first + static_cast<std::ptrdiff_t>(n),
                     [](float s) { return std::abs(s) < silence; });
}

}  // namespace

voice_queue::voice_queue(limits l) : limits_(l), margin_(samples_of(l.margin_ms)) {}

std::size_t voice_queue::put(std::span<const float> samples) {
  if (samples.empty()) return 0;
  if (waiting_.empty() && !runs_) {
    if (was_loud_ && empty_ < hole_blocks) {
      ++holes_;
      margin_ = std::min(margin_ + block(), samples_of(limits_.most_margin_ms));
    } else if (empty_ > calm_blocks) {
      margin_ = samples_of(limits_.margin_ms);
    }
    held_ = margin_ / block();
  }
  waiting_.insert(waiting_.end(), samples.begin(), samples.end());
  const auto most = samples_of(limits_.most_ms);
  const auto over = waiting_.size() > most ? waiting_.size() - most : 0;
  leave(over);
  dropped_ += over;
  return over;
}

std::vector<float> voice_queue::take() {
  std::vector<float> out(block());
  if (held_ > 0) {
    --held_;
    return out;
  }
  while (waiting_.size() > samples_of(limits_.lag_ms) && is_silent(waiting_.begin(), block()))
    leave(block());
  const auto n = std::min(waiting_.size(), block());
  if (n == 0) {
    empty_ = std::exchange(runs_, false) ? 0 : empty_ + 1;
    return out;
  }
  std::copy_n(waiting_.begin(), n, out.begin());
  leave(n);
  runs_ = true;
  was_loud_ = !is_silent(out.begin(), n);
  return out;
}

std::size_t voice_queue::flush() {
  const auto n = waiting_.size();
  leave(n);
  dropped_ += n;
  held_ = 0;
  was_loud_ = runs_ = false;
  return n;
}

void voice_queue::leave(std::size_t n) {
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(n));
  left_ += n;
}

}  // namespace hocket::gateway::webrtc
