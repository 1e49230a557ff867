#include "tools/scenarios/acoustics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace hocket::scenarios {
namespace {

float from_db(double db) { return static_cast<float>(std::pow(10.0, db / 20.0)); }

/// Schroeder's reverberator. Delays in samples at 16 kHz, mutually prime.
void reverberate(std::span<float> x, double wet_db, double rt60_s) {
  constexpr std::array<std::size_t, 4> combs{479, 593, 659, 701};
  constexpr std::array<std::size_t, 2> all_passes{83, 29};
  std::vector<float> wet(x.size(), 0.0f);
  for (const std::size_t delay : combs) {
    const auto gain =
        static_cast<float>(std::pow(10.0, -3.0 * static_cast<double>(delay) / 16000.0 / rt60_s));
    std::vector<float> line(delay, 0.0f);
    float damped = 0;  // walls swallow high frequencies first
    for (std::size_t i = 0, at = 0; i < x.size(); ++i, at = at + 1 == delay ? 0 : at + 1) {
      damped += 0.6f * (line[at] - damped);
      wet[i] += damped;
      line[at] = x[i] + gain * damped;
    }
  }
  for (const std::size_t delay : all_passes) {
    constexpr float gain = 0.7f;
    std::vector<float> line(delay, 0.0f);
    for (std::size_t i = 0, at = 0; i < wet.size(); ++i, at = at + 1 == delay ? 0 : at + 1) {
      const float kept = line[at];
      line[at] = wet[i] + gain * kept;
      wet[i] = kept - gain * line[at];
    }
  }
  double dry_power = 0, wet_power = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    dry_power += double(x[i]) * double(x[i]), wet_power += double(wet[i]) * double(wet[i]);
  if (wet_power <= 0) return;
  const auto level = static_cast<float>(std::sqrt(dry_power / wet_power)) * from_db(wet_db);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += level * wet[i];
}

void add_noise(std::span<float> x, double dbfs, double tilt, random_stream& rng) {
  if (!std::isfinite(dbfs)) return;
  const auto a = static_cast<float>(tilt);
  const float sigma = from_db(dbfs) * std::sqrt(1.0f - a * a);
  float n = 0;
  for (float& v : x) {
    n = a * n + sigma * rng.rough_normal();
    v += n;
  }
}

void lose_packets(std::span<float> x, double loss, double burst_packets, random_stream& rng) {
  constexpr std::size_t packet = 320;
  const double leave = 1.0 / std::max(1.0, burst_packets);
  const double enter = leave * loss / (1.0 - loss);
  bool lost = false;
  for (std::size_t at = 0; at < x.size(); at += packet) {
    lost = lost ? !rng.chance(leave) : rng.chance(enter);
    if (lost)
      std::fill(x.begin() + static_cast<std::ptrdiff_t>(at),
                x.begin() + static_cast<std::ptrdiff_t>(std::min(at + packet, x.size())), 0.0f);
  }
}

}  // namespace

acoustics draw_acoustics(random_stream& rng) {
  acoustics how;
  how.noise_dbfs = rng.chance(0.05) ? -std::numeric_limits<double>::infinity()
                                    : rng.uniform(-75.0, rng.chance(0.3) ? -33.0 : -45.0);
  if (rng.chance(0.3)) how.noise_tilt = rng.uniform(0.5, 0.97);
  if (rng.chance(0.35)) how.wet_db = rng.uniform(-18.0, -3.0), how.rt60_s = rng.uniform(0.15, 0.6);
  if (rng.chance(0.3)) {
    how.echo_db = rng.uniform(-38.0, -26.0);
    how.echo_delay = rng.integer(0, 1600);
  }
  if (rng.chance(0.15))
    how.loss = rng.uniform(0.01, 0.08), how.burst_packets = rng.uniform(1.0, 4.0);
  return how;
}

void apply(const acoustics& how, std::span<float> person, std::span<const float> own,
           std::uint64_t seed) {
  random_stream rng(seed);
  if (how.wet_db > -60) reverberate(person, how.wet_db, how.rt60_s);
  if (how.echo_db > -60) {
    const float level = from_db(how.echo_db);
    for (std::size_t i = static_cast<std::size_t>(how.echo_delay); i < person.size(); ++i)
      person[i] += level * own[i - static_cast<std::size_t>(how.echo_delay)];
  }
  add_noise(person, how.noise_dbfs, how.noise_tilt, rng);
  if (how.loss > 0) lose_packets(person, how.loss, how.burst_packets, rng);
}

}  // namespace hocket::scenarios
