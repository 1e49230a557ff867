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

void send(std::size_t port, audio_chunk chunk, emitter& out) {
  if (chunk.frames() == 0) return;
  const auto at = timestamp::of_samples(chunk.first_sample, chunk.rate_hz);
  out.emit(port, at, std::move(chunk));
}

}  // namespace hocket::audio_parts
