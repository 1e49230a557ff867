#include "actors/gateway/sound.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/audio/resample.hpp"

namespace hocket::gateway {
namespace {

constexpr std::array<std::int8_t, 256> base64_values = [] {
  std::array<std::int8_t, 256> out{};
  out.fill(-1);
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    out[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  out['-'] = 62;
  out['_'] = 63;
  return out;
}();

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 == 0 && !text.empty() && text.back() == '=') {
    text.remove_suffix(1);
    if (text.back() == '=') text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const int value = base64_values[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xff);
  }
  if ((bits & ((1u << held) - 1)) != 0) return std::nullopt;
  return out;
}

std::string encode_base64(std::string_view bytes) {
  static constexpr char alphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  const auto at = [&](std::size_t i) {
    return i < bytes.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) : 0u;
  };
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto three = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    out += alphabet[three >> 18 & 63];
    out += alphabet[three >> 12 & 63];
    out += i + 1 < bytes.size() ? alphabet[three >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? alphabet[three & 63] : '=';
  }
  return out;
}

// ITU-T G.711, table 2 (mu-law: 14 bit, bias 33) and table 1 (A-law: 13 bit).

std::uint8_t to_mulaw(std::int16_t linear) {
  const bool negative = linear < 0;
  const int magnitude = std::min(negative ? -static_cast<int>(linear) : linear, 32'635) + 132;
  int segment = 7;
  while (segment > 0 && magnitude < (128 << segment)) --segment;
  const int code = segment << 4 | (magnitude >> (segment + 3) & 15);
  return static_cast<std::uint8_t>(~(code | (negative ? 0x80 : 0)));
}

std::int16_t from_mulaw(std::uint8_t code) {
  const int bits = static_cast<std::uint8_t>(~code);
  const int magnitude = (((bits & 15) << 3) + 132) << (bits >> 4 & 7);
  return static_cast<std::int16_t>((bits & 0x80) != 0 ? 132 - magnitude : magnitude - 132);
}

std::uint8_t to_alaw(std::int16_t linear) {
  const bool negative = linear < 0;
  const int magnitude = (negative ? -static_cast<int>(linear) - 1 : linear) >> 3;  // 12 bit
  int segment = 7;
  while (segment > 0 && magnitude < (16 << segment)) --segment;
  const int code = segment == 0 ? magnitude >> 1 : segment << 4 | (magnitude >> segment & 15);
  return static_cast<std::uint8_t>((code | (negative ? 0 : 0x80)) ^ 0x55);
}

std::int16_t from_alaw(std::uint8_t code) {
  const int bits = code ^ 0x55;
  const int segment = bits >> 4 & 7;
  int magnitude = (bits & 15) << 4 | 8;
  if (segment > 0) magnitude = (magnitude + 256) << (segment - 1);
  return static_cast<std::int16_t>((bits & 0x80) != 0 ? magnitude : -magnitude);
}

namespace {

float sample_at(std::string_view bytes, std::size_t i, sound_format::coding code) {
  const auto byte = [&](std::size_t k) { return static_cast<std::uint8_t>(bytes[k]); };
  int value = 0;
  switch (code) {
    case sound_format::coding::mulaw: value = from_mulaw(byte(i)); break;
    case sound_format::coding::alaw: value = from_alaw(byte(i)); break;
    case sound_format::coding::pcm16:
      value = static_cast<std::int16_t>(byte(2 * i) | byte(2 * i + 1) << 8);
  }
  return static_cast<float>(value) / 32768.0f;
}

void append(std::string& out, float sample, sound_format::coding code) {
  const float scaled =
      std::isfinite(sample) ? std::clamp(sample * 32768.0f, -32768.0f, 32767.0f) : 0;
  const auto value = static_cast<std::int16_t>(std::lrint(scaled));
  switch (code) {
    case sound_format::coding::mulaw: out += static_cast<char>(to_mulaw(value)); break;
    case sound_format::coding::alaw: out += static_cast<char>(to_alaw(value)); break;
    case sound_format::coding::pcm16:
      out += static_cast<char>(value & 0xff);
      out += static_cast<char>(value >> 8 & 0xff);
  }
}

/// A resampler for one pair of rates at a time; none where they are the same.
class changing_rate {
 public:
  result<std::vector<float>> change(std::vector<float> samples, int from_hz, int to_hz) {
    if (from_hz == to_hz) return samples;
    if (!stream_ || from_hz != from_hz_ || to_hz != to_hz_) {
      auto made = engine::resampler::make(from_hz, to_hz);
      if (!made) return fail("gateway.bad_sound", made.error().message);
      stream_ = std::make_unique<engine::resampler>(std::move(*made));
      from_hz_ = from_hz;
      to_hz_ = to_hz;
    }
    std::vector<float> out;
    stream_->push(samples, out);
    return out;
  }

 private:
  std::unique_ptr<engine::resampler> stream_;
  int from_hz_ = 0, to_hz_ = 0;
};

}  // namespace

class sound_reader::state {
 public:
  int rate_hz;
  changing_rate rate;
};

sound_reader::sound_reader(int rate_hz) : state_(new state{rate_hz, {}}) {}
sound_reader::~sound_reader() = default;
sound_reader::sound_reader(sound_reader&&) noexcept = default;
sound_reader& sound_reader::operator=(sound_reader&&) noexcept = default;

result<std::vector<float>> sound_reader::read(std::string_view bytes, const sound_format& format) {
  if (bytes.size() % format.bytes_per_sample() != 0)
    return fail("gateway.bad_sound", "the sound ends in the middle of a sample");
  std::vector<float> samples(bytes.size() / format.bytes_per_sample());
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = sample_at(bytes, i, format.code);
  return state_->rate.change(std::move(samples), format.rate_hz, state_->rate_hz);
}

class sound_writer::state {
 public:
  int rate_hz;
  changing_rate rate;
};

sound_writer::sound_writer(int rate_hz) : state_(new state{rate_hz, {}}) {}
sound_writer::~sound_writer() = default;
sound_writer::sound_writer(sound_writer&&) noexcept = default;
sound_writer& sound_writer::operator=(sound_writer&&) noexcept = default;

result<std::string> sound_writer::write(std::span<const float> samples,
                                        const sound_format& format) {
  auto changed =
      state_->rate.change({samples.begin(), samples.end()}, state_->rate_hz, format.rate_hz);
  if (!changed) return fail(changed);
  std::string out;
  out.reserve(changed->size() * format.bytes_per_sample());
  for (const float s : *changed) append(out, s, format.code);
  return out;
}

}  // namespace hocket::gateway
