#include "actors/gateway/door/sound_pump.hpp"

#include <algorithm>

namespace hocket::gateway {

std::size_t sound_pump::put(std::span<const float> samples, std::int64_t now) {
  const auto n = static_cast<std::int64_t>(samples.size());
  const auto jitter = static_cast<std::int64_t>(rate_hz_) * limits_.jitter_ms / 1000;
  // The first piece, and the first after a gap, ends now: it was just said. More than that was not
  // said just now: a client sends what it recorded, and it is heard from now on.
  if (waiting_.empty() && (!next_ || *next_ + n < now - jitter))
    next_ = std::max(next_.value_or(0), now - std::min(n, jitter));
  waiting_.insert(waiting_.end(), samples.begin(), samples.end());
  const auto most =
      static_cast<std::size_t>(rate_hz_) * static_cast<std::size_t>(limits_.ahead_ms) / 1000;
  const auto over = waiting_.size() > most ? waiting_.size() - most : 0;
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(over));
  return over;
}

std::optional<sound_pump::piece> sound_pump::take(std::int64_t now) {
  if (waiting_.empty()) return std::nullopt;
  const auto n = std::min(static_cast<std::int64_t>(waiting_.size()), now - *next_);
  if (n <= 0) return std::nullopt;
  piece out{*next_, {waiting_.begin(), waiting_.begin() + n}};
  waiting_.erase(waiting_.begin(), waiting_.begin() + n);
  *next_ += n;
  return out;
}

}  // namespace hocket::gateway
