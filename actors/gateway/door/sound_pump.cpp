#include "actors/gateway/door/sound_pump.hpp"

#include <algorithm>
#include <cmath>

namespace hocket::gateway {
namespace {

constexpr int block_ms = 20;      ///< looked at at once; and what a gap teaches
constexpr int late_ms = 20;       ///< a micro-turn still waits for what is so late
constexpr int watch_turns = 3;    ///< in which all was there early: for no reason
constexpr int forget_turns = 50;  ///< without a gap: a little less is kept
constexpr int stall_ms = 500;  ///< longer holes are no unevenness: nobody spoke, or all stood still
constexpr int recorded_ms =
    2000;  ///< who sends more than this ahead sends a recording, pauses and all
constexpr float silence = 0.003f;

}  // namespace

sound_pump::sound_pump(int rate_hz, limits l)
    : rate_hz_(rate_hz), limits_(l), turn_(samples_of(l.turn_ms)) {}

/// Where a piece begins that comes now, if others of its length follow it, each when it was spoken: the one
/// that completes a micro-turn is there a margin before the end.
std::int64_t sound_pump::place_for(std::int64_t count, std::int64_t now) const {
  const auto there = now + margin_;
  if (count == 0 || turn_ % count != 0) return there;
  const auto early = (turn_ - there % turn_) % count;
  return std::max<std::int64_t>(0, there + early - count);
}

/// What comes too late for its micro-turn, or is the first of all, is put anew.
void sound_pump::make_room(std::int64_t count, std::int64_t now) {
  if (!waiting_.empty()) return;
  const auto heard_from = turn_of(std::max<std::int64_t>(0, now - samples_of(late_ms)));
  if (next_ && *next_ >= heard_from) return;
  if (next_) {
    const bool is_uneven = now - *next_ < samples_of(stall_ms) + turn_;
    margin_ = is_uneven
                  ? std::min(margin_ + samples_of(block_ms), samples_of(limits_.most_margin_ms))
                  : margin_ / 2;
  }
  next_ = std::max(heard_from, place_for(count, now));
  least_lead_.reset();
  watched_turns_ = even_turns_ = 0;
  surplus_ = 0;
}

std::size_t sound_pump::put(std::span<const float> samples, std::int64_t now) {
  const auto count = static_cast<std::int64_t>(samples.size());
  make_room(count, now);
  look_at_turn(count, now);
  waiting_.insert(waiting_.end(), samples.begin(), samples.end());
  last_count_ = count;
  last_put_ = now;
  const auto most = static_cast<std::size_t>(samples_of(limits_.ahead_ms));
  const auto over = waiting_.size() > most ? waiting_.size() - most : 0;
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(over));
  catch_up(now + margin_ + count + samples_of(2 * block_ms));
  return over;
}

/// How long before its end a micro-turn is complete, where this piece completes one.
void sound_pump::look_at_turn(std::int64_t count, std::int64_t now) {
  const auto from = *next_ + static_cast<std::int64_t>(waiting_.size());
  const auto end = turn_of(from) + turn_;
  if (from + count < end) return;
  least_lead_ = std::min(least_lead_.value_or(end - now), end - now);
  if (++even_turns_ >= forget_turns) {
    margin_ = std::max<std::int64_t>(0, margin_ - samples_of(block_ms));
    even_turns_ = 0;
  }
  if (++watched_turns_ < watch_turns) return;
  surplus_ = std::max<std::int64_t>(0, *least_lead_ - margin_);
  least_lead_.reset();
  watched_turns_ = 0;
}

/// Sound that is silent is left out as long as the last of what waits would be heard after `latest`, and
/// as long as there is a surplus.
void sound_pump::catch_up(std::int64_t latest) {
  for (;;) {
    const auto waits = static_cast<std::int64_t>(waiting_.size());
    const auto seen = std::min(waits, samples_of(block_ms));
    const auto leaves = std::min(seen, std::max(surplus_, *next_ + waits - latest));
    if (waits >= samples_of(recorded_ms) || leaves < std::max<std::int64_t>(1, samples_of(1)))
      return;
    if (!std::all_of(waiting_.begin(), waiting_.begin() + seen,
                     [](float s) { return std::abs(s) < silence; }))
      return;
    waiting_.erase(waiting_.begin(), waiting_.begin() + leaves);
    surplus_ -= std::min(surplus_, leaves);
  }
}

std::optional<sound_pump::piece> sound_pump::take(std::int64_t now) {
  if (waiting_.empty()) return std::nullopt;
  const auto waits = static_cast<std::int64_t>(waiting_.size());
  // Nobody took it in time (the conversation was being opened): it is heard now, not never.
  if (*next_ < turn_of(std::max<std::int64_t>(0, now - samples_of(late_ms))))
    next_ = std::max(turn_of(now), place_for(last_count_, last_put_) + last_count_ - waits);
  const auto n = std::min(waits, now + samples_of(limits_.lead_ms) - *next_);
  if (n <= 0) return std::nullopt;
  piece out{*next_, {waiting_.begin(), waiting_.begin() + n}};
  waiting_.erase(waiting_.begin(), waiting_.begin() + n);
  *next_ += n;
  return out;
}

}  // namespace hocket::gateway
