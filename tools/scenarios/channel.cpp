#include "tools/scenarios/channel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <numbers>

#include "engine/audio/resample.hpp"
#include "tools/scenarios/ordinary_talk.hpp"

namespace hocket::scenarios {
namespace {

constexpr double rate_hz = 16000;
constexpr double two_pi = 2 * std::numbers::pi;
using samples = std::vector<float>;

/// The blades' hum with its harmonics over the noise of air, both swaying a little.
void fan(samples& x, random_stream& rng) {
  const double hum_hz = rng.uniform(70, 240), hum = rng.uniform(0.1, 0.7);
  const double sway_hz = rng.uniform(0.2, 1.5), sway = rng.uniform(0, 0.15);
  const auto dark = static_cast<float>(rng.uniform(0.75, 0.97));
  std::array<double, 4> strength{}, phase{};
  for (std::size_t h = 0; h < strength.size(); ++h)
    strength[h] = hum * rng.uniform(0.3, 1.0) / double(h + 1), phase[h] = rng.uniform(0, two_pi);
  float low = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double t = double(i) / rate_hz;
    const float white = rng.rough_normal();
    low = dark * low + std::sqrt(1 - dark * dark) * white;
    double v = double(low) + 0.1 * double(white);
    for (std::size_t h = 0; h < strength.size(); ++h)
      v += strength[h] * std::sin(two_pi * hum_hz * double(h + 1) * t + phase[h]);
    x[i] = static_cast<float>(v * (1 + sway * std::sin(two_pi * sway_hz * t)));
  }
}

/// A rumble, and cars that come and go.
void street(samples& x, random_stream& rng) {
  float rumble = 0, air = 0;
  double car = 0, wanted = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (i % 8000 == 0) wanted = rng.chance(0.3) ? rng.uniform(0.5, 2.0) : 0;
    car += (wanted - car) / 12000;
    const float white = rng.rough_normal();
    rumble = 0.985f * rumble + 0.17f * white;
    air = 0.8f * air + 0.6f * white;
    x[i] = rumble + static_cast<float>(0.15 + car) * air;
  }
}

/// Chords of a few plucked strings, a bass and a beat.
void music(samples& x, random_stream& rng) {
  const auto beat = static_cast<std::size_t>(rate_hz * rng.uniform(0.3, 0.7));
  const double root_hz = rng.uniform(90, 180);
  static const std::vector<int> steps{0, 3, 4, 5, 7, 9, 10, 12};
  for (std::size_t from = 0; from < x.size(); from += beat) {
    const double chord = std::pow(2.0, rng.pick(steps) / 12.0) * root_hz;
    const int notes = rng.integer(1, 4);
    for (int n = 0; n < notes; ++n) {
      const double hz = chord * std::pow(2.0, rng.pick(steps) / 12.0) * (n == 0 ? 1 : 2);
      const double fall = rng.uniform(1.5, 6), loud = rng.uniform(0.3, 1);
      const std::size_t to = std::min(x.size(), from + 3 * beat);
      for (std::size_t i = from; i < to; ++i) {
        const double t = double(i - from) / rate_hz, at = two_pi * hz * t;
        x[i] +=
            static_cast<float>(loud * std::exp(-fall * t) *
                               (std::sin(at) + 0.5 * std::sin(2 * at) + 0.3 * std::sin(3 * at)));
      }
    }
    if (!rng.chance(0.6)) continue;
    for (std::size_t i = from; i < std::min(x.size(), from + 1200); ++i)
      x[i] += 0.8f * rng.rough_normal() * std::exp(-static_cast<float>(i - from) / 250.0f);
  }
}

/// Keys that are hit and let go, five to ten a second with rests.
void keyboard(samples& x, random_stream& rng) {
  for (std::size_t at = 0; at < x.size();) {
    for (const double loud : {rng.uniform(0.5, 1.5), rng.uniform(0.1, 0.5)}) {
      float low = 0;
      const auto dark = static_cast<float>(rng.uniform(0.1, 0.7));
      for (std::size_t i = at; i < std::min(x.size(), at + 500); ++i) {
        low = dark * low + rng.rough_normal();
        x[i] += static_cast<float>(loud) * low * std::exp(-static_cast<float>(i - at) / 80.0f);
      }
      at += static_cast<std::size_t>(rate_hz * rng.uniform(0.04, 0.1));
    }
    if (rng.chance(0.1)) at += static_cast<std::size_t>(rate_hz * rng.uniform(0.3, 1.2));
  }
  for (float& v : x) v += 0.02f * rng.rough_normal();  // the room between the keys
}

/// Tracks of talk without pauses, one voice each.
struct talkers {
  std::once_flag once;
  std::vector<samples> tracks;
  result<void> failed;
};

talkers& talkers_of(split which) {
  static std::array<talkers, 2> all;
  return all[which == split::train ? 0 : 1];
}

result<std::vector<samples>> record_talkers(split which) {
  constexpr std::size_t length = 12 * 16000;
  constexpr int count = 14;
  auto voice = person_voice::open();
  if (!voice) return fail(voice);
  random_stream rng(seed_of(0xbabb1e, which == split::train ? 1 : 2));
  std::vector<samples> out;
  for (int n = 0; n < count; ++n) {
    person who;
    who.voice = rng.pick(n % 3 == 0 ? flite_voices_of(which) : voices_of(which));
    who.rate_wpm = which == split::train ? 5 * rng.integer(26, 38) + 1 : 5 * rng.integer(26, 38);
    who.pitch = rng.integer(25, 80);
    if (which == split::train) who.warp = rng.uniform(0.86, 1.16);
    samples track;
    while (track.size() < length) {
      auto said = (*voice)->say(ordinary_talk(rng, which), who);
      if (!said) return fail(said);
      auto sound = engine::resample(said->samples, said->rate_hz, rate_hz);
      if (!sound) return fail(sound);
      track.insert(track.end(), sound->begin(), sound->end());
      track.resize(track.size() + static_cast<std::size_t>(rng.integer(800, 4800)));
    }
    track.resize(length);
    out.push_back(std::move(track));
  }
  return out;
}

void babble(samples& x, random_stream& rng, split which) {
  constexpr int voices = 6;
  const auto& tracks = talkers_of(which).tracks;
  if (tracks.empty()) return;
  for (int n = 0; n < voices; ++n) {
    const samples& track = rng.pick(tracks);
    const auto from = static_cast<std::size_t>(rng.next() % track.size());
    const auto loud = static_cast<float>(std::pow(10.0, rng.uniform(-6, 0) / 20));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += loud * track[(from + i) % track.size()];
  }
}

/// A second-order high-pass (Bristow-Johnson's cookbook), in place.
void high_pass(samples& x, double hz, double q) {
  const double w = two_pi * hz / rate_hz, alpha = std::sin(w) / (2 * q), c = std::cos(w);
  const double b = (1 + c) / 2 / (1 + alpha), a1 = -2 * c / (1 + alpha);
  const double a2 = (1 - alpha) / (1 + alpha);
  double x1 = 0, x2 = 0, y1 = 0, y2 = 0;
  for (float& v : x) {
    const double y = b * (double(v) - 2 * x1 + x2) - a1 * y1 - a2 * y2;
    x2 = x1, x1 = double(v), y2 = y1, y1 = y;
    v = static_cast<float>(y);
  }
}

/// G.711: eight bits on a logarithmic scale.
float through_mu_law(float v) {
  constexpr float mu = 255;
  const float small = std::log1p(mu * std::min(std::abs(v), 1.0f)) / std::log1p(mu);
  const float kept = std::round(small * 127) / 127;
  return std::copysign(std::expm1(kept * std::log1p(mu)) / mu, v);
}

}  // namespace

channel draw_channel(random_stream& rng) {
  channel how;
  if (rng.chance(0.6)) {
    const double u = rng.unit();
    how.noise = u < 0.35   ? noise_kind::fan
                : u < 0.7  ? noise_kind::babble
                : u < 0.82 ? noise_kind::street
                : u < 0.92 ? noise_kind::music
                           : noise_kind::keyboard;
    how.snr_db = rng.uniform(4, 25);
  }
  how.telephone = rng.chance(0.25);
  if (rng.chance(0.3)) how.gain_db = rng.uniform(-20, 0);
  if (rng.chance(0.08)) how.clip = rng.uniform(0.15, 0.6);
  return how;
}

std::vector<float> make_noise(noise_kind kind, std::size_t count, std::uint64_t seed, split which) {
  samples x(count, 0.0f);
  random_stream rng(seed);
  switch (kind) {
    case noise_kind::none: return x;
    case noise_kind::fan: fan(x, rng); break;
    case noise_kind::babble: babble(x, rng, which); break;
    case noise_kind::street: street(x, rng); break;
    case noise_kind::music: music(x, rng); break;
    case noise_kind::keyboard: keyboard(x, rng); break;
  }
  double power = 1e-12;
  for (const float v : x) power += double(v) * double(v) / double(count);
  const auto scale = static_cast<float>(1 / std::sqrt(power));
  for (float& v : x) v *= scale;
  return x;
}

result<void> prepare_babble(split which) {
  talkers& all = talkers_of(which);
  std::call_once(all.once, [&] {
    auto made = record_talkers(which);
    if (made)
      all.tracks = std::move(*made);
    else
      all.failed = fail(made);
  });
  return all.failed;
}

double speech_power(const std::vector<float>& x) {
  constexpr std::size_t block = 320;
  std::vector<double> powers;
  for (std::size_t at = 0; at + block <= x.size(); at += block) {
    double sum = 0;
    for (std::size_t i = at; i < at + block; ++i) sum += double(x[i]) * double(x[i]);
    powers.push_back(sum / block);
  }
  const double loudest = powers.empty() ? 0 : *std::max_element(powers.begin(), powers.end());
  double sum = 0, count = 0;
  for (const double p : powers)
    if (p > 0 && p >= loudest * 1e-3) sum += p, ++count;
  return count > 0 ? sum / count : 0;
}

void telephone(std::vector<float>& x) {
  const std::size_t length = x.size();
  for (const double q : {0.54, 1.31}) high_pass(x, 300, q);  // a Butterworth filter of fourth order
  auto narrow = engine::resample(x, rate_hz, 6900);          // nothing above 3.4 kHz is left
  if (!narrow) return;
  auto line = engine::resample(*narrow, 6900, 8000);
  if (!line) return;
  for (float& v : *line) v = through_mu_law(v);
  auto wide = engine::resample(*line, 8000, rate_hz);
  if (!wide) return;
  wide->resize(length);
  x = std::move(*wide);
}

void apply(const channel& how, std::vector<float>& x, double power, std::uint64_t seed,
           split which) {
  if (how.noise != noise_kind::none) {
    const auto noise = make_noise(how.noise, x.size(), seed, which);
    const double speech = power > 0 ? power : 0.01;
    const auto gain = static_cast<float>(std::sqrt(speech * std::pow(10.0, -how.snr_db / 10)));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += gain * noise[i];
  }
  if (how.clip < 1) {
    float loudest = 0;
    for (const float v : x) loudest = std::max(loudest, std::abs(v));
    const float limit = loudest * static_cast<float>(how.clip);
    for (float& v : x) v = std::clamp(v, -limit, limit);
  }
  if (how.telephone) telephone(x);
  const auto gain = static_cast<float>(std::pow(10.0, how.gain_db / 20));
  for (float& v : x) v = std::clamp(gain * v, -1.0f, 1.0f);
}

}  // namespace hocket::scenarios
