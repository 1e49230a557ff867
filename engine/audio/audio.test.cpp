#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numbers>

#include "engine/audio/dmel.hpp"
#include "engine/audio/resample.hpp"
#include "engine/audio/speech_mel.hpp"
#include "engine/audio/wav.hpp"
#include "tests/support/larger.hpp"

#include <doctest/doctest.h>

using namespace hocket::engine;

namespace {

// The signal of make_dmel_fixture.py.
std::vector<float> fixture_signal() {
  std::vector<float> out;
  std::int64_t state = 12345;
  const auto floor_div = [](std::int64_t a, std::int64_t b) {
    return a >= 0 ? a / b : -((-a + b - 1) / b);
  };
  for (int i = 0; i < 16480; ++i) {
    state = (1103515245 * state + 12345) % (std::int64_t{1} << 31);
    const std::int64_t noise = (state >> 15) - 32768;
    const std::int64_t values[5] = {0, floor_div(noise, 1024), floor_div(noise, 64),
                                    floor_div(noise, 4), (i / 20) % 2 ? 8000 : -8000};
    out.push_back(static_cast<float>(values[(i / 2000) % 5]) / 32768.0f);
  }
  return out;
}

std::vector<float> tone(double hz, double rate_hz, std::size_t n) {
  std::vector<float> out(n);
  for (std::size_t i = 0; i < n; ++i)
    out[i] = static_cast<float>(0.5 * std::sin(2 * std::numbers::pi * hz * double(i) / rate_hz));
  return out;
}

double rms(std::span<const float> x) {
  double sum = 0;
  for (float v : x) sum += double(v) * double(v);
  return std::sqrt(sum / double(std::max<std::size_t>(x.size(), 1)));
}

}  // namespace

TEST_CASE("dMel equals an independent double-precision computation") {
  std::ifstream file(std::string(HOCKET_SOURCE_DIR) + "/engine/audio/dmel_fixture.json");
  const auto fixture = nlohmann::json::parse(file);
  const std::vector<std::uint8_t> got = dmel_of(fixture_signal());
  const auto& frames = fixture["frames"];
  REQUIRE(got.size() == frames.size() * dmel_format::channels);
  std::size_t wrong = 0;
  for (std::size_t f = 0; f < frames.size(); ++f)
    for (std::size_t c = 0; c < dmel_format::channels; ++c)
      wrong += got[f * dmel_format::channels + c] != frames[f][c].get<int>();
  CHECK(wrong == 0);
}

TEST_CASE("dMel does not depend on the chunking") {
  const std::vector<float> x = fixture_signal();
  const std::vector<std::uint8_t> whole = dmel_of(x);
  for (std::size_t chunk : {1u, 7u, 160u, 799u, 800u, 801u, 3200u, 5000u}) {
    dmel_encoder encoder;
    std::vector<std::uint8_t> got;
    for (std::size_t at = 0; at < x.size(); at += chunk)
      encoder.push(std::span(x).subspan(at, std::min(chunk, x.size() - at)), got);
    encoder.flush(got);
    CHECK(got == whole);
  }
}

TEST_CASE("dMel is causal: a frame does not change with what follows it") {
  std::vector<float> x = fixture_signal();
  const std::vector<std::uint8_t> before = dmel_of(x);
  const std::size_t cut = 10 * dmel_format::hop_samples;
  std::fill(x.begin() + cut, x.end(), 0.3f);
  const std::vector<std::uint8_t> after = dmel_of(x);
  CHECK(std::equal(before.begin(), before.begin() + 10 * dmel_format::channels, after.begin()));
}

TEST_CASE("speech patches: frames begin at their time, the floor holds, normalising goes back") {
  std::vector<float> x(1600, 0.0f);
  const std::vector<float> burst = tone(440, 16000, 100);
  std::copy(burst.begin(), burst.end(), x.begin() + 900);
  const std::vector<float> mel = speech_mel_of(x);
  REQUIRE(mel.size() == 8 * speech_format::channels);
  // Frame 0 ends with sample 799 and hears nothing; frame 1 covers 200..999.
  CHECK(*std::max_element(mel.begin(), mel.begin() + 80) == speech_format::log10_floor);
  CHECK(*std::max_element(mel.begin() + 80, mel.begin() + 160) > speech_format::log10_floor + 1);
  std::vector<float> patches = speech_patches_of(x);
  REQUIRE(patches.size() == 2 * speech_format::patch_size);
  denormalise_speech(patches);
  double apart = 0;
  for (std::size_t i = 0; i < mel.size(); ++i)
    apart = hocket::testing::larger(apart, std::abs(double(patches[i] - mel[i])));
  CHECK(apart < 1e-4);
}

TEST_CASE("resampling keeps length, level and pitch, whatever the chunking") {
  for (double from : {22050.0, 24000.0, 44100.0, 48000.0, 8000.0}) {
    const std::vector<float> x = tone(500, from, static_cast<std::size_t>(from));
    const auto whole = resample(x, from, 16000);
    REQUIRE(whole);
    CHECK(std::abs(double(whole->size()) - 16000) <= 1);
    const std::vector<float> ideal = tone(500, 16000, 16000);
    double error = 0;
    for (std::size_t i = 1000; i < 15000; ++i)
      error = hocket::testing::larger(error, std::abs(double((*whole)[i] - ideal[i])));
    CHECK(error < 2e-3);
    auto stream = resampler::make(from, 16000);
    REQUIRE(stream);
    std::vector<float> pieces;
    for (std::size_t at = 0; at < x.size(); at += 333)
      stream->push(std::span(x).subspan(at, std::min<std::size_t>(333, x.size() - at)), pieces);
    stream->flush(pieces);
    REQUIRE(pieces.size() == whole->size());
    double apart = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i)
      apart = hocket::testing::larger(apart, std::abs(double(pieces[i] - (*whole)[i])));
    CHECK(apart < 1e-5);
  }
  CHECK(!resample(std::vector<float>(10), -1, 16000));
}

TEST_CASE("WAV files come back as they were written; other files are refused") {
  const auto path = (std::filesystem::temp_directory_path() / "hocket_wav_test.wav").string();
  std::vector<float> x{0.0f, 0.5f, -0.5f, 0.999f, -1.0f, 2.0f};
  REQUIRE(write_wav(path, x, 2, 22050));
  const auto back = read_wav(path);
  REQUIRE(back);
  CHECK(back->channels == 2);
  CHECK(back->rate_hz == 22050);
  REQUIRE(back->samples.size() == x.size());
  x.back() = 1.0f;
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(std::abs(back->samples[i] - x[i]) < 1e-4);
  CHECK(rms(back->samples) > 0.5);
  std::ofstream(path) << "RIFFxxxxWAVEfmt ";
  CHECK(read_wav(path).error().code == "audio.file");
  std::filesystem::remove(path);
  CHECK(!read_wav(path));
}
