#include "engine/audio/vocoder.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <numbers>

#include "engine/audio/dmel.hpp"
#include "engine/audio/speech_mel.hpp"

#include <doctest/doctest.h>

using namespace hocket::engine;

namespace {

using format = speech_format;

// A gliding voice-like sound of whole micro-turns: harmonics under a moving formant, faded at the
// ends.
std::vector<float> voice_like(std::size_t micro_turns) {
  std::vector<float> x(micro_turns * micro_turn_samples);
  double phase = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double t = double(i) / 16000, f0 = 180 + 40 * std::sin(3 * t);
    phase += 2 * std::numbers::pi * f0 / 16000;
    double sum = 0;
    for (int h = 1; h * f0 < 4000; ++h) {
      const double away = (h * f0 - 900 - 500 * std::sin(5 * t)) / 400;
      sum += std::sin(h * phase) * (0.05 + std::exp(-away * away));
    }
    const double edge = double(std::min(i, x.size() - 1 - i)) / 800;
    x[i] = static_cast<float>(0.08 * sum * std::min(1.0, edge));
  }
  return x;
}

std::vector<float> sounded(vocoder& voc, const std::vector<float>& patches, std::size_t micro_turns,
                           std::size_t gated_from = 1000000) {
  std::vector<float> y;
  for (std::size_t k = 0; k < micro_turns; ++k) {
    std::vector<float> four(4 * format::patch_size, 0.0f), out(micro_turn_samples);
    std::vector<std::uint8_t> voice(4, 0);
    for (std::size_t f = 0; f < 4; ++f) {
      const std::size_t at = (k * 4 + f) * format::patch_size;
      if (at + format::patch_size > patches.size() || k * 4 + f >= gated_from) continue;
      voice[f] = 1;
      std::copy_n(patches.begin() + static_cast<std::ptrdiff_t>(at), format::patch_size,
                  four.begin() + static_cast<std::ptrdiff_t>(f * format::patch_size));
    }
    voc.push(four, voice, out);
    y.insert(y.end(), out.begin(), out.end());
  }
  return y;
}

double mel_error_db(const std::vector<float>& x, const std::vector<float>& y) {
  const std::vector<float> a = speech_mel_of(x), b = speech_mel_of(std::span(y).first(x.size()));
  double sum = 0, n = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] < -2.5f) continue;
    sum += 400.0 * (a[i] - b[i]) * (a[i] - b[i]);
    ++n;
  }
  return std::sqrt(sum / n);
}

double largest_step(std::span<const float> x) {
  double best = 0;
  for (std::size_t i = 1; i < x.size(); ++i)
    best = std::max(best, std::abs(double(x[i] - x[i - 1])));
  return best;
}

double power(std::span<const float> x) {
  double sum = 0;
  for (float v : x) sum += double(v) * double(v);
  return sum;
}

}  // namespace

TEST_CASE("analysis and resynthesis keep the spectrum and the level") {
  const std::vector<float> x = voice_like(5);
  vocoder voc;
  const std::clock_t begin = std::clock();
  const std::vector<float> y = sounded(voc, speech_patches_of(x), 5);
  const double ms = 1e3 * double(std::clock() - begin) / CLOCKS_PER_SEC;
  const double error = mel_error_db(x, y);
  MESSAGE("mel error ", error, " dB, ", ms / 5, " ms of a core per micro-turn");
  CHECK(error < 3.0);
  CHECK(std::abs(10 * std::log10(power(y) / power(x))) < 1.0);
}

TEST_CASE("micro-turns join without a click") {
  const std::vector<float> x = voice_like(5);
  vocoder voc;
  const std::vector<float> y = sounded(voc, speech_patches_of(x), 5);
  for (std::size_t k = 1; k < 5; ++k) {
    const std::size_t border = k * micro_turn_samples;
    CHECK(largest_step(std::span(y).subspan(border - 8, 16)) <= 1.3 * largest_step(x));
  }
}

TEST_CASE("broken-off speech fades within 37.5 ms and does not click") {
  const std::vector<float> x = voice_like(5);
  vocoder voc;
  const std::vector<float> y = sounded(voc, speech_patches_of(x), 5, 8);
  const std::size_t cut = 2 * micro_turn_samples;
  CHECK(power(std::span(y).subspan(cut - 800, 800)) > 1e-3);
  CHECK(largest_step(std::span(y).subspan(cut - 8, 700)) <= 1.3 * largest_step(x));
  CHECK(power(std::span(y).subspan(cut + 600)) == 0.0);
}

TEST_CASE("silence is silence, and a reset vocoder is a new one") {
  vocoder voc;
  CHECK(power(sounded(voc, {}, 2)) == 0.0);
  const std::vector<float> patches = speech_patches_of(voice_like(3));
  const std::vector<float> first = sounded(voc, patches, 2);
  voc.reset();
  CHECK(sounded(voc, patches, 2) == first);
  // After a pause it is as new, too.
  voc.reset();
  sounded(voc, patches, 3);
  sounded(voc, {}, 2);
  CHECK(sounded(voc, patches, 2) == first);
}

TEST_CASE("a copied vocoder goes on as the original") {
  const std::vector<float> patches = speech_patches_of(voice_like(3));
  vocoder voc;
  sounded(voc, patches, 2);
  vocoder copy = voc;
  CHECK(sounded(voc, patches, 1) == sounded(copy, patches, 1));
}

TEST_CASE("wild patches give finite sound") {
  vocoder voc;
  std::vector<float> patches(8 * format::patch_size);
  for (std::size_t i = 0; i < patches.size(); ++i) patches[i] = i % 3 == 0 ? 50.0f : -50.0f;
  CHECK(std::isfinite(power(sounded(voc, patches, 2))));
}
