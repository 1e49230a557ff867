#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "graph/contract/component.hpp"

namespace hocket::audio_parts {

/// Sound of any rate and number of channels.
inline media_type any_audio() { return {.kind = payload_kind::audio}; }

inline float from_db(double db) { return static_cast<float>(std::pow(10.0, db / 20.0)); }

/// The sample at which `t` lies: the first one that does not begin before it.
inline std::int64_t sample_at(timestamp t, std::int64_t rate_hz) {
  const auto seconds = t.ns() / 1'000'000'000, rest = t.ns() % 1'000'000'000;
  const auto scaled = rest * rate_hz;
  const auto up = scaled > 0 && scaled % 1'000'000'000 != 0 ? 1 : 0;
  return seconds * rate_hz + scaled / 1'000'000'000 + up;
}

/// The frames [from, to) of a chunk, by index since the stream's start; without a copy where all
/// of it is meant.
audio_chunk part_of(const audio_chunk& whole, std::int64_t from, std::int64_t to);

/// Cuts what goes beyond full scale. Returns how many samples that were.
std::int64_t clip(std::vector<float>& samples);

/// What is worked on: 1 to 64 channels, 1000 to 384000 Hz. A stranger's chunk may say anything.
bool is_usual(const audio_chunk& chunk);

/// What was made ahead of `now` and is not to be heard any more, since somebody barged in. Sound that
/// was captured ends about now: of a chunk of 50 ms that has begun nothing is cut.
void cut_ahead(std::vector<audio_chunk>& waiting, timestamp now);

/// Sends a chunk at the time of its first sample; an empty one is not sent.
void send(std::size_t port, audio_chunk chunk, emitter& out);

}  // namespace hocket::audio_parts
