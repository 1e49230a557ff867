#include "engine/audio/learnt_vocoder.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "engine/audio/dmel.hpp"
#include "engine/audio/learnt_vocoder_net.hpp"
#include "engine/audio/speech_mel.hpp"
#include "graph/core/assert.hpp"

namespace hocket::engine {
namespace {

using format = speech_format;
constexpr std::size_t hop = format::hop_samples, channels = format::channels;
constexpr std::size_t segment = 400, size = 1024, bins = size / 2 + 1;
constexpr std::size_t noise_delay = 64;
constexpr double f0_hz = 160, top_hz = 7600;
constexpr double lowest_hz = 50, highest_hz = 500;  // beyond it a drawn frame is no voice
constexpr int rest_frames = 24;                     // of silence, after which nothing is remembered

/// White, of variance 1, by its place: a hash (splitmix64), uniform.
float white(std::uint64_t at) {
  std::uint64_t z = (at + 1) * 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  z ^= z >> 31;
  return static_cast<float>((double(z >> 40) / double(1 << 24) - 0.5) * std::sqrt(12.0));
}

/// Harmonics of equal power up to top_hz at a place of the period, in turns.
float pulse(double turns, double hz) {
  const auto most = static_cast<float>(std::floor(top_hz / hz));
  const auto phase = static_cast<float>(2 * std::numbers::pi * turns);
  const float low = std::sin(phase / 2), scale = std::sqrt(2 / most);
  if (std::abs(low) < 1e-4f) return most * scale;
  return (std::sin((most + 0.5f) * phase) / (2 * low) - 0.5f) * scale;
}

}  // namespace

struct vocoder_weights::parts {
  vocoder_net net;
  vocoder_net::memory silent;  // after a rest
  std::array<std::uint32_t, bins> band{};
  std::array<float, bins> share{};  // of the band above
};

struct learnt_vocoder::state {
  vocoder_net::memory memory;
  real_fft fft{size};
  double turns = 0, last_hz = 0;  // 0: there was no frame yet
  std::uint64_t frame = 0;
  std::array<float, segment> pulses{}, noise{};
  std::array<float, size> open{};  // what has sounded in part
  std::array<float, channels> before{};
  int silent_frames = rest_frames;
  std::vector<float> time = std::vector<float>(size);
  std::vector<std::complex<float>> a = std::vector<std::complex<float>>(bins), b = a, c = a;
};

vocoder_weights::vocoder_weights() : parts_(std::make_unique<parts>()) {}
vocoder_weights::~vocoder_weights() = default;

result<std::shared_ptr<const vocoder_weights>> vocoder_weights::open(const std::string& path) {
  std::shared_ptr<vocoder_weights> out(new vocoder_weights);
  parts& p = *out->parts_;
  auto net = vocoder_net::open(path);
  if (!net) return fail(net);
  p.net = std::move(*net);
  p.silent = p.net.fresh();
  std::array<float, channels> floor{};
  floor.fill((format::log10_floor - format::mean) / format::scale);
  std::array<float, vocoder_net::outputs> ignored{};
  for (int i = 0; i < rest_frames; ++i) p.net.step(p.silent, floor, ignored);
  const std::vector<double> centres = mel_filters::centres_hz(channels, 0, 8000);
  for (std::size_t b = 0; b < bins; ++b) {
    const double hz = double(b) * sample_rate_hz / size;
    std::size_t k = 0;
    while (k + 2 < channels && centres[k + 1] < hz) ++k;
    p.band[b] = static_cast<std::uint32_t>(k);
    p.share[b] =
        static_cast<float>(std::clamp((hz - centres[k]) / (centres[k + 1] - centres[k]), 0.0, 1.0));
  }
  return std::shared_ptr<const vocoder_weights>(std::move(out));
}

learnt_vocoder::learnt_vocoder(std::shared_ptr<const vocoder_weights> weights)
    : weights_(std::move(weights)), state_(std::make_unique<state>()) {
  HOCKET_ASSERT(weights_);
  reset();
}
learnt_vocoder::learnt_vocoder(const learnt_vocoder& other)
    : weights_(other.weights_), state_(std::make_unique<state>(*other.state_)) {}
learnt_vocoder& learnt_vocoder::operator=(const learnt_vocoder& other) {
  return *this = learnt_vocoder(other);
}
learnt_vocoder::learnt_vocoder(learnt_vocoder&&) noexcept = default;
learnt_vocoder& learnt_vocoder::operator=(learnt_vocoder&&) noexcept = default;
learnt_vocoder::~learnt_vocoder() = default;

void learnt_vocoder::reset() {
  state& s = *state_;
  s.memory = weights_->inside().silent;
  s.turns = s.last_hz = 0, s.frame = 0;
  s.pulses.fill(0), s.noise.fill(0), s.open.fill(0);
  s.before.fill((format::log10_floor - format::mean) / format::scale);
  s.silent_frames = rest_frames;
}

void learnt_vocoder::push(std::span<const float> patches, std::span<const std::uint8_t> voice,
                          std::span<float> out) {
  HOCKET_ASSERT(patches.size() == voice.size() * format::patch_size);
  HOCKET_ASSERT(out.size() == voice.size() * format::patch_samples);
  const vocoder_weights::parts& w = weights_->inside();
  state& s = *state_;
  std::array<float, channels> mel{};
  std::array<float, vocoder_net::outputs> said{};
  for (std::size_t f = 0; f < voice.size() * format::frames_per_patch; ++f) {
    const bool speaks = voice[f / format::frames_per_patch] != 0;
    const std::span<float> to = out.subspan(f * hop, hop);
    s.silent_frames = speaks ? 0 : std::min(s.silent_frames + 1, rest_frames);
    if (s.silent_frames == rest_frames) {
      if (s.frame != 0) reset();
      std::fill(to.begin(), to.end(), 0.0f);
      continue;
    }
    for (std::size_t m = 0; m < channels; ++m) {
      const float drawn = speaks ? patches[f * channels + m] : format::log10_floor;
      constexpr float floor = (format::log10_floor - format::mean) / format::scale;
      constexpr float top = (2.0f - format::mean) / format::scale;
      // In this order NaN becomes the floor.
      mel[m] = speaks ? std::min(std::max(floor, drawn), top) : floor;
    }
    w.net.step(s.memory, mel, said);
    for (float& v : said) v = std::isfinite(v) ? std::clamp(v, -1000.0f, 1000.0f) : 0.0f;
    const double hz = std::clamp(f0_hz * std::exp2(double(said[0])), lowest_hz, highest_hz);

    // The sources go on by a hop, and at the begin by two: the frame's pitch is that of its end.
    const double from_hz = s.last_hz > 0 ? s.last_hz : hz;
    const std::size_t begin = s.last_hz > 0 ? hop : 0;
    if (begin > 0) {
      std::copy(s.pulses.begin() + hop, s.pulses.end(), s.pulses.begin());
      std::copy(s.noise.begin() + hop, s.noise.end(), s.noise.begin());
    }
    for (std::size_t i = begin; i < segment; ++i) {
      const double at = double(i % hop) / double(hop);
      const double now = begin > 0 ? from_hz * (1 - at) + hz * at : hz;
      s.turns += now / sample_rate_hz;
      s.turns -= std::floor(s.turns);
      s.pulses[i] = pulse(s.turns, now);
      s.noise[i] = white(s.frame * hop + i);
    }
    s.last_hz = hz, ++s.frame;

    if (speaks) {
      // c: the harmonic filter, log magnitude to cepstrum to minimum phase.
      std::array<float, bins> noise_gain{};
      for (std::size_t b = 0; b < bins; ++b) {
        const std::size_t k = w.band[b];
        const auto log_of = [&](std::size_t source) {
          const auto one = [&](std::size_t m) {
            const float base =
                (s.before[m] * format::scale + format::mean) * std::numbers::ln10_v<float>;
            return base + said[1 + source * channels + m];
          };
          return one(k) * (1 - w.share[b]) + one(k + 1) * w.share[b];
        };
        s.c[b] = log_of(0);
        noise_gain[b] = std::exp(std::min(log_of(1), 10.0f));
      }
      s.fft.inverse(s.c, s.time);
      for (std::size_t i = 1; i < size / 2; ++i) s.time[i] *= 2;
      std::fill(s.time.begin() + size / 2 + 1, s.time.end(), 0.0f);
      s.fft.forward(s.time, s.c);
      const auto windowed = [&](const std::array<float, segment>& source) {
        for (std::size_t i = 0; i < segment; ++i)
          s.time[i] =
              source[i] *
              static_cast<float>(0.5 - 0.5 * std::cos(2 * std::numbers::pi * double(i) / segment));
        std::fill(s.time.begin() + segment, s.time.end(), 0.0f);
      };
      windowed(s.pulses);
      s.fft.forward(s.time, s.a);
      windowed(s.noise);
      s.fft.forward(s.time, s.b);
      for (std::size_t b = 0; b < bins; ++b) {
        // A sixteenth of a turn per bin: 64 of 1024 samples.
        static_assert(noise_delay * 16 == size);
        const auto late = std::polar(noise_gain[b], -std::numbers::pi_v<float> / 8 * float(b % 16));
        const auto h = std::polar(std::exp(std::min(s.c[b].real(), 10.0f)), s.c[b].imag());
        s.a[b] = s.a[b] * h + s.b[b] * late;
      }
      s.fft.inverse(s.a, s.time);
      for (std::size_t i = 0; i < size; ++i) s.open[i] += s.time[i];
    }
    std::copy_n(s.open.begin(), hop, to.begin());
    std::copy(s.open.begin() + hop, s.open.end(), s.open.begin());
    std::fill(s.open.end() - hop, s.open.end(), 0.0f);
    s.before = mel;
  }
}

}  // namespace hocket::engine
