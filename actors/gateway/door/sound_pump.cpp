#include "actors/gateway/door/sound_pump.hpp"

#include <algorithm>
#include <cmath>

namespace hocket::gateway {
namespace {

constexpr int block_ms = 20;
constexpr int late_ms = 20;    ///< a micro-turn still waits for what is so late
constexpr int uneven_ms = 10;  ///< of that, for a network's unevenness
constexpr int watch_ms = 400;  ///< in which every piece came early: for no reason
constexpr int stall_ms = 500;  ///< longer holes are no unevenness: nobody spoke, or all stood still
constexpr int recorded_ms =
    2000;  ///< who sends more than this ahead sends a recording, pauses and all
constexpr float silence = 0.003f;

}  // namespace

sound_pump::sound_pump(int rate_hz, limits l)
    : rate_hz_(rate_hz), limits_(l), margin_(samples_of(l.margin_ms)) {}

std::size_t sound_pump::put(std::span<const float> samples, std::int64_t now) {
  if (waiting_.empty() && (!next_ || *next_ < now - samples_of(uneven_ms))) {
    const bool is_uneven = next_ && now - *next_ < samples_of(stall_ms);
    margin_ = is_uneven
                  ? std::min(margin_ + samples_of(block_ms), samples_of(limits_.most_margin_ms))
                  : std::max(margin_ / 2, samples_of(limits_.margin_ms));
    next_ = std::max(next_.value_or(0), now + margin_);
    least_lead_.reset();
    watched_ = surplus_ = 0;
  }
  const auto count = static_cast<std::int64_t>(samples.size());
  look_at_lead(*next_ + static_cast<std::int64_t>(waiting_.size()) - now, count);
  waiting_.insert(waiting_.end(), samples.begin(), samples.end());
  const auto most = static_cast<std::size_t>(samples_of(limits_.ahead_ms));
  const auto over = waiting_.size() > most ? waiting_.size() - most : 0;
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(over));
  catch_up(now + margin_ + count + samples_of(2 * block_ms));
  return over;
}

void sound_pump::look_at_lead(std::int64_t lead, std::int64_t samples) {
  least_lead_ = std::min(least_lead_.value_or(lead), lead);
  watched_ += samples;
  if (watched_ < samples_of(watch_ms)) return;
  surplus_ = std::max<std::int64_t>(0, *least_lead_ - margin_);
  least_lead_.reset();
  watched_ = 0;
}

/// Sound that is silent is left out as long as the last of what waits would be heard after `latest`, and
/// as long as there is a surplus.
void sound_pump::catch_up(std::int64_t latest) {
  const auto block = static_cast<std::ptrdiff_t>(samples_of(block_ms));
  const auto waits = [&] { return static_cast<std::int64_t>(waiting_.size()); };
  while (waits() < samples_of(recorded_ms) && waits() >= block &&
         (surplus_ >= block || *next_ + waits() > latest) &&
         std::all_of(waiting_.begin(), waiting_.begin() + block,
                     [](float s) { return std::abs(s) < silence; })) {
    waiting_.erase(waiting_.begin(), waiting_.begin() + block);
    surplus_ -= std::min<std::int64_t>(surplus_, block);
  }
}

std::optional<sound_pump::piece> sound_pump::take(std::int64_t now) {
  if (waiting_.empty()) return std::nullopt;
  // Nobody took it in time (the conversation was being opened): it is heard now, not never.
  if (*next_ < now - samples_of(late_ms)) next_ = now;
  const auto n = std::min(static_cast<std::int64_t>(waiting_.size()),
                          now + samples_of(limits_.lead_ms) - *next_);
  if (n <= 0) return std::nullopt;
  piece out{*next_, {waiting_.begin(), waiting_.begin() + n}};
  waiting_.erase(waiting_.begin(), waiting_.begin() + n);
  *next_ += n;
  return out;
}

}  // namespace hocket::gateway
