#include "plugins/audio_parts/timed_choice.hpp"

#include <algorithm>

#include "plugins/audio_parts/common.hpp"

namespace hocket::audio_parts {

void timed_choice::change(timestamp at, int to) {
  const auto behind = std::upper_bound(changes_.begin(), changes_.end(), at,
                                       [](timestamp t, const auto& c) { return t < c.at; });
  changes_.insert(behind, {at, to});
  if (changes_.size() <= remembered) return;
  first_ = changes_.front().to;
  changes_.pop_front();
}

int timed_choice::at(timestamp t) const {
  const auto behind = std::upper_bound(changes_.begin(), changes_.end(), t,
                                       [](timestamp x, const auto& c) { return x < c.at; });
  return behind == changes_.begin() ? first_ : std::prev(behind)->to;
}

std::vector<float> faded::over(const audio_chunk& chunk, const timed_choice& choice) {
  const auto fade = std::chrono::milliseconds(fade_ms_);
  const auto fade_frames = static_cast<float>(fade_ms_) * static_cast<float>(chunk.rate_hz) / 1000;
  const auto step = fade_frames > 1 ? 1 / fade_frames : 1.0f;
  std::vector<float> out(static_cast<std::size_t>(chunk.frames()));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto t =
        timestamp::of_samples(chunk.first_sample + static_cast<std::int64_t>(i), chunk.rate_hz);
    const bool now = choice.at(t) == value_;
    // It has been chosen for as long as the other's fade out takes, or was open all along.
    const bool settled = now && (!waits_ || gain_ > 0 || choice.at(t - fade) == value_);
    gain_ = std::clamp(gain_ + (settled ? step : now ? 0.0f : -step), 0.0f, 1.0f);
    out[i] = gain_;
  }
  return out;
}

audio_chunk scaled(const audio_chunk& chunk, const std::vector<float>& gains) {
  if (std::all_of(gains.begin(), gains.end(), [](float g) { return g == 1; })) return chunk;
  const auto samples = chunk.samples.as<float>();
  const auto width = static_cast<std::size_t>(chunk.channels);
  std::vector<float> made(samples.size());
  for (std::size_t i = 0; i < made.size(); ++i) made[i] = gains[i / width] * samples[i];
  auto out = chunk;
  out.samples = buffer::take(std::move(made));
  return out;
}

audio_chunk audible(const audio_chunk& chunk, const std::vector<float>& gains) {
  const auto lets = [](float g) { return g > 0; };
  const auto first = std::find_if(gains.begin(), gains.end(), lets) - gains.begin();
  const auto end = gains.rend() - std::find_if(gains.rbegin(), gains.rend(), lets);
  const auto heard = part_of(chunk, chunk.first_sample + first, chunk.first_sample + end);
  if (heard.frames() == 0) return heard;
  return scaled(heard, std::vector<float>(gains.begin() + first, gains.begin() + end));
}

}  // namespace hocket::audio_parts
