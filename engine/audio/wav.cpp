#include "engine/audio/wav.hpp"
#include "graph/trust/files.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

namespace hocket::engine {
namespace {

// WAV is little-endian, whatever the machine.
template <class T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    out += static_cast<char>((static_cast<std::uint64_t>(value) >> (8 * i)) & 0xff);
}

std::uint32_t get(const std::string& bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

}  // namespace

result<wav_sound> read_wav(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail("audio.file", "cannot read " + path);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() < 12 || bytes.compare(0, 4, "RIFF") != 0 || bytes.compare(8, 4, "WAVE") != 0)
    return fail("audio.file", path + " is no WAV file");
  wav_sound out;
  bool known = false;
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    const std::string id = bytes.substr(at, 4);
    const std::size_t size = std::min<std::size_t>(get(bytes, at + 4, 4), bytes.size() - at - 8);
    at += 8;
    if (id == "fmt " && size >= 16) {
      out.channels = static_cast<int>(get(bytes, at + 2, 2));
      out.rate_hz = static_cast<int>(get(bytes, at + 4, 4));
      known = get(bytes, at, 2) == 1 && get(bytes, at + 14, 2) == 16 && out.channels > 0;
    } else if (id == "data") {
      if (!known) break;
      out.samples.resize(size / 2);
      for (std::size_t i = 0; i < out.samples.size(); ++i)
        out.samples[i] =
            static_cast<float>(static_cast<std::int16_t>(get(bytes, at + 2 * i, 2))) / 32768.0f;
      return out;
    }
    at += size + (size & 1);
  }
  return fail("audio.file", path + " holds no 16-bit PCM sound");
}

result<void> write_wav(const std::string& path, std::span<const float> interleaved, int channels,
                       int rate_hz) {
  const auto size = static_cast<std::uint32_t>(interleaved.size() * 2);
  std::string out = "RIFF";
  put(out, size + 36);
  out += "WAVEfmt ";
  put(out, std::uint32_t{16});
  put(out, std::uint16_t{1});
  put(out, static_cast<std::uint16_t>(channels));
  put(out, static_cast<std::uint32_t>(rate_hz));
  put(out, static_cast<std::uint32_t>(rate_hz * channels * 2));
  put(out, static_cast<std::uint16_t>(channels * 2));
  put(out, std::uint16_t{16});
  out += "data";
  put(out, size);
  out.reserve(out.size() + size);
  for (float x : interleaved)
    put(out, static_cast<std::uint16_t>(
                 std::lrint(std::clamp(x, -1.0f, 32767.0f / 32768.0f) * 32768.0f)));
  const auto done = trust::write_file(path, {out.data(), out.size()});
  return done ? done : fail("audio.file", "cannot write " + done.error().message);
}

}  // namespace hocket::engine
