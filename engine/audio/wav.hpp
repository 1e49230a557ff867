// Reading and writing 16-bit PCM WAV files, for tests, scenarios and recordings.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::engine {

struct wav_sound {
  int rate_hz = 16000;
  int channels = 1;
  std::vector<float> samples;  ///< interleaved, [-1, 1)
};

/// *Errors*: `audio.file` when it cannot be read or is no PCM16 WAV.
result<wav_sound> read_wav(const std::string& path);

/// Samples outside [-1, 1] are clipped. *Errors*: `audio.file`.
result<void> write_wav(const std::string& path, std::span<const float> interleaved, int channels,
                       int rate_hz = 16000);

}  // namespace hocket::engine
