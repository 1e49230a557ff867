#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::gateway {

/// How sound is written in a protocol: mono, 16 bit little-endian, or G.711 at 8 kHz.
struct sound_format {
  enum class coding : std::uint8_t { pcm16, mulaw, alaw };
  coding code = coding::pcm16;
  int rate_hz = 24'000;

  std::size_t bytes_per_sample() const { return code == coding::pcm16 ? 2 : 1; }
  bool operator==(const sound_format&) const = default;
};

/// Reads base64 of both alphabets (`+/` and `-_`), with or without padding, nothing else: no blanks, no
/// lone character, no bits that belong to no byte. Empty text gives nothing, which is fine.
std::optional<std::string> decode_base64(std::string_view text);
/// The standard alphabet, padded.
std::string encode_base64(std::string_view bytes);

/// G.711. Linear samples are 16 bit.
std::uint8_t to_mulaw(std::int16_t linear);
std::uint8_t to_alaw(std::int16_t linear);
std::int16_t from_mulaw(std::uint8_t code);
std::int16_t from_alaw(std::uint8_t code);

/// What a client sends, as samples of `rate_hz` that our side takes, in [-1, 1]. The format may change
/// in between; the resampler's few milliseconds of memory are then lost.
class sound_reader {
 public:
  explicit sound_reader(int rate_hz);
  ~sound_reader();
  sound_reader(sound_reader&&) noexcept;
  sound_reader& operator=(sound_reader&&) noexcept;

  /// Errors: gateway.bad_sound (half a sample, a rate that cannot be changed).
  result<std::vector<float>> read(std::string_view bytes, const sound_format& format);

 private:
  class state;
  std::unique_ptr<state> state_;
};

/// Our samples as the bytes that a client takes.
class sound_writer {
 public:
  explicit sound_writer(int rate_hz);
  ~sound_writer();
  sound_writer(sound_writer&&) noexcept;
  sound_writer& operator=(sound_writer&&) noexcept;

  result<std::string> write(std::span<const float> samples, const sound_format& format);

 private:
  class state;
  std::unique_ptr<state> state_;
};

}  // namespace hocket::gateway
