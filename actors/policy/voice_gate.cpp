#include "actors/policy/voice_gate.hpp"

#include <algorithm>
#include <cmath>

namespace hocket::policy {
namespace {

/// About -50 dBFS: a voice is louder.
bool has_voice(const audio_chunk& chunk) {
  return std::ranges::any_of(chunk.samples.as<float>(),
                             [](float v) { return std::fabs(v) > 0.003f; });
}

timestamp time_of(const audio_chunk& chunk, std::int64_t sample) {
  return timestamp::of_samples(chunk.first_sample + sample, chunk.rate_hz);
}

audio_chunk silence_of(const audio_chunk& chunk) {
  auto out = chunk;
  out.samples = buffer::take(std::vector<float>(chunk.samples.as<float>().size(), 0.0f));
  return out;
}

}  // namespace

void voice_gate::close(timestamp now) {
  closed_ = true;
  closed_at_ = now;
  voice_until_ = now;
}

void voice_gate::hold(bool holds, timestamp now) {
  if (ended_ || holds == held_) return;
  held_ = holds;
  if (!holds) close(now);  // not in the middle of a sentence
}

audio_chunk voice_gate::through(const audio_chunk& chunk) {
  if (!is_closed()) return chunk;
  if (chunk.rate_hz <= 0 || chunk.channels <= 0) return silence_of(chunk);
  const bool voice = has_voice(chunk);
  const auto begins = time_of(chunk, 0), ends = time_of(chunk, chunk.frames());
  if (!held_ && (begins - closed_at_ >= longest ||
                 (voice && begins - closed_at_ >= lead && begins - voice_until_ >= pause))) {
    closed_ = false;
    return chunk;
  }
  if (voice) {
    voice_until_ = std::max(voice_until_, ends);
    muted_ += chunk.frames();
  }
  return silence_of(chunk);
}

}  // namespace hocket::policy
