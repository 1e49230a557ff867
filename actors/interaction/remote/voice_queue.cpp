#include "actors/interaction/remote/voice_queue.hpp"

#include <algorithm>

namespace hocket::remote {

constexpr std::size_t per_ms = 16;
constexpr std::size_t longest_piece = 16'000;  ///< to which small ones are joined
constexpr std::size_t most_pieces = 8'192;
constexpr int longer_ms = 20;  ///< after each hole
constexpr int shorter_ms = 5;  ///< after ten seconds without any
constexpr int forget_watches = 10;
constexpr std::int64_t most_back_ms = 240;  ///< without having been watched
constexpr std::size_t watch_samples =
    1'000 * per_ms;                       ///< five micro-turns: sound comes in one each
constexpr std::size_t step = 5 * per_ms;  ///< of what is left out

std::int64_t voice_queue::put(std::vector<float> samples, std::string item, std::int64_t now_ms) {
  if (samples.empty()) return 0;
  if (waiting_ == 0) hold_until_ms_ = now_ms + wait_ms_;
  if (limits_.is_continuous) begin_at_once(samples);
  waiting_ += samples.size();
  auto* last = pieces_.empty() ? nullptr : &pieces_.back();
  if (last != nullptr && last->item == item &&
      last->samples.size() + samples.size() <= longest_piece)
    last->samples.insert(last->samples.end(), samples.begin(), samples.end());
  else
    pieces_.push_back({std::move(item), std::move(samples)});
  if (!limits_.is_continuous) {
    const auto most = static_cast<std::size_t>(limits_.ahead_ms) * per_ms;
    std::size_t gone = 0;
    // The end of it: the begin is being heard.
    while (!pieces_.empty() && (waiting_ > most || pieces_.size() > most_pieces)) {
      auto& p = pieces_.back();
      const auto n = pieces_.size() > most_pieces
                         ? p.samples.size() - p.at
                         : std::min(waiting_ - most, p.samples.size() - p.at);
      p.samples.resize(p.samples.size() - n);
      gone += n;
      waiting_ -= n;
      if (p.at == p.samples.size()) pieces_.pop_back();
    }
    return static_cast<std::int64_t>(gone / per_ms);
  }
  const auto lag = static_cast<std::size_t>(limits_.lag_ms) * per_ms;
  if (waiting_ <= lag) return 0;
  return static_cast<std::int64_t>(drop_front(waiting_ - lag / 2) / per_ms);
}

std::size_t voice_queue::drop_front(std::size_t samples) {
  std::size_t gone = 0;
  while (gone < samples && !pieces_.empty()) {
    auto& p = pieces_.front();
    const auto n = std::min(samples - gone, p.samples.size() - p.at);
    p.at += n;
    gone += n;
    if (p.at == p.samples.size()) pieces_.pop_front();
  }
  waiting_ -= gone;
  return gone;
}

bool voice_queue::is_silent_at_front(std::size_t samples) const {
  for (const auto& p : pieces_)
    for (auto i = p.at; i < p.samples.size(); ++i) {
      if (samples-- == 0) return true;
      if (p.samples[i] != 0) return false;
    }
  return samples == 0;
}

/// A voice that comes behind silence alone need not wait for more of that than for what may be late.
void voice_queue::begin_at_once(std::span<const float> samples) {
  const auto kept = static_cast<std::size_t>(wait_ms_) * per_ms;
  if (waiting_ <= kept || !is_silent_at_front(waiting_) ||
      std::ranges::all_of(samples, [](float s) { return s == 0; }))
    return;
  drop_front(waiting_ - kept);
  watched_ = surplus_ = 0;
  least_ = no_least;
}

/// A continuous voice that lies back catches up where it is silent.
void voice_queue::catch_up(std::size_t samples) {
  const auto most = static_cast<std::size_t>(wait_ms_ + most_back_ms) * per_ms + samples;
  while ((surplus_ >= step || waiting_ > most) && is_silent_at_front(step)) {
    drop_front(step);
    surplus_ -= std::min(surplus_, step);
  }
}

/// The first piece of a conversation comes late, and so does what follows a stall. What came since then
/// found this much still waiting each time: it could have been heard so much earlier, but for the little
/// that a piece may be later than those that were watched. What a hole taught is for the time after it.
void voice_queue::look_at_surplus(std::size_t taken) {
  least_ = std::min(least_, waiting_);
  watched_ += taken;
  if (watched_ < watch_samples) return;
  if (++even_watches_ >= forget_watches) {
    wait_ms_ = std::max(wait_ms_ - shorter_ms, std::min(limits_.first_ms, limits_.jitter_ms));
    even_watches_ = 0;
  }
  const auto kept =
      static_cast<std::size_t>(std::min(limits_.first_ms, limits_.jitter_ms)) * per_ms;
  surplus_ = least_ - std::min(least_, kept);
  watched_ = 0;
  least_ = no_least;
}

std::vector<float> voice_queue::take(std::size_t samples, std::int64_t now_ms) {
  std::vector<float> out;
  out.reserve(samples);
  if (limits_.is_continuous) catch_up(samples);
  if (now_ms >= hold_until_ms_)
    while (out.size() < samples && !pieces_.empty()) {
      auto& p = pieces_.front();
      if (p.item != item_) {
        item_ = p.item;
        taken_ = 0;
      }
      const auto n = std::min(samples - out.size(), p.samples.size() - p.at);
      const auto from = p.samples.begin() + static_cast<std::ptrdiff_t>(p.at);
      out.insert(out.end(), from, from + static_cast<std::ptrdiff_t>(n));
      p.at += n;
      taken_ += n;
      waiting_ -= n;
      if (p.at == p.samples.size()) pieces_.pop_front();
    }
  if (limits_.is_continuous) look_at_surplus(samples);
  const bool is_hole = out.size() < samples;
  if (is_hole && was_sounding_) {
    ++holes_;
    wait_ms_ = std::min(wait_ms_ + longer_ms, limits_.jitter_ms);
    even_watches_ = 0;
  }
  was_sounding_ = !is_hole && std::any_of(out.begin(), out.end(), [](float s) { return s != 0; });
  out.resize(samples);
  return out;
}

void voice_queue::clear() {
  pieces_.clear();
  waiting_ = watched_ = surplus_ = 0;
  least_ = no_least;
  was_sounding_ = false;
}

}  // namespace hocket::remote
