#include "plugins/audio_parts/common.hpp"

#include <algorithm>

namespace hocket::audio_parts {

audio_chunk part_of(const audio_chunk& whole, std::int64_t from, std::int64_t to) {
  const auto begin = whole.first_sample, end = begin + whole.frames();
  from = std::clamp(from, begin, end);
  to = std::clamp(to, from, end);
  if (from == begin && to == end) return whole;
  const auto samples =
      whole.samples.as<float>().subspan(static_cast<std::size_t>((from - begin) * whole.channels),
                                        static_cast<std::size_t>((to - from) * whole.channels));
  return {whole.rate_hz, whole.channels, from,
          buffer::take(std::vector<float>(samples.begin(), samples.end()))};
}

std::int64_t clip(std::vector<float>& samples) {
  std::int64_t clipped = 0;
  for (auto& s : samples) {
    if (std::abs(s) > 1) ++clipped;
    s = std::clamp(s, -1.0f, 1.0f);
  }
  return clipped;
}

bool is_usual(const audio_chunk& chunk) {
  return chunk.channels >= 1 && chunk.channels <= 64 && chunk.rate_hz >= 1000 &&
         chunk.rate_hz <= 384000;
}

void cut_ahead(std::vector<audio_chunk>& waiting, timestamp now) {
  for (auto& chunk : waiting) {
    const auto at = sample_at(now, chunk.rate_hz);
    const bool is_short = chunk.frames() <= chunk.rate_hz / 20;
    if (chunk.first_sample >= at || !is_short) chunk = part_of(chunk, INT64_MIN, at);
  }
  std::erase_if(waiting, [](const audio_chunk& c) { return c.frames() == 0; });
}

void send(std::size_t port, audio_chunk chunk, emitter& out) {
  if (chunk.frames() == 0) return;
  const auto at = timestamp::of_samples(chunk.first_sample, chunk.rate_hz);
  out.emit(port, at, std::move(chunk));
}

}  // namespace hocket::audio_parts
