#include "tools/duplex/conditions.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "tools/scenarios/random.hpp"

namespace hocket::duplex {
namespace {

using scenarios::random_stream;
constexpr std::int64_t chunk = rate_hz / 50;  // 20 ms, a packet of most real-time transports

double speech_power(const item& it) {
  double sum = 0;
  std::int64_t n = 0;
  for (const auto& s : it.sounds) {
    if (s.who == "background") continue;
    for (auto i = std::max<std::int64_t>(0, s.start);
         i < std::min(s.end, static_cast<std::int64_t>(it.input.size())); ++i, ++n)
      sum += double(it.input[static_cast<std::size_t>(i)]) * it.input[static_cast<std::size_t>(i)];
  }
  return n ? sum / static_cast<double>(n) : 1e-4;
}

// Noise with most of its power at low frequencies, as rooms and streets have.
void add_noise(item& it, double snr_db, random_stream& rng) {
  std::vector<float> noise(it.input.size());
  float low = 0;
  double power = 1e-12;
  for (float& v : noise) {
    const float white = rng.rough_normal();
    low = 0.9f * low + white;
    v = low + 0.3f * white;
    power += double(v) * v / static_cast<double>(noise.size());
  }
  const auto gain =
      static_cast<float>(std::sqrt(speech_power(it) / power * std::pow(10.0, -snr_db / 10)));
  for (std::size_t i = 0; i < noise.size(); ++i)
    it.input[i] = std::clamp(it.input[i] + gain * noise[i], -1.0f, 1.0f);
}

// A direct path and a tail of noise that falls by 60 dB in 0.4 s, 6 dB below it: a living room.
// Sparse: one echo per millisecond on average keeps it cheap and sounds dense enough.
void add_room(item& it, random_stream& rng) {
  constexpr double rt60_s = 0.4;
  struct tap {
    std::size_t delay;
    float gain;
  };
  std::vector<tap> taps;
  double power = 0;
  for (double t = 0.003; t < rt60_s; t += rng.uniform(0.0005, 0.0015)) {
    const double g = (rng.chance(0.5) ? 1 : -1) * std::pow(10.0, -3 * t / rt60_s);
    taps.push_back({static_cast<std::size_t>(t * rate_hz), static_cast<float>(g)});
    power += g * g;
  }
  const auto scale = static_cast<float>(std::sqrt(0.25 / power));
  const std::vector<float> dry = it.input;
  for (const auto& t : taps)
    for (std::size_t i = t.delay; i < dry.size(); ++i)
      it.input[i] += scale * t.gain * dry[i - t.delay];
  for (float& v : it.input) v = std::clamp(v, -1.0f, 1.0f);
}

// Gilbert and Elliott's chain: a bad state in which every chunk is lost, 3 chunks long on average.
void lose(item& it, double share, random_stream& rng) {
  constexpr double leave_bad = 1.0 / 3;
  const double enter_bad = share * leave_bad / (1 - share);
  bool bad = false;
  for (std::size_t at = 0; at < it.input.size(); at += chunk) {
    bad = bad ? !rng.chance(leave_bad) : rng.chance(enter_bad);
    if (bad)
      std::fill_n(it.input.begin() + std::ptrdiff_t(at),
                  std::min<std::size_t>(chunk, it.input.size() - at), 0.0f);
  }
}

// Delays of up to 300 ms that wander, behind a jitter buffer as deep: everything comes 300 ms later,
// and what was later still (one chunk in two hundred) is lost.
void jitter(item& it, random_stream& rng) {
  constexpr std::size_t depth = 15 * chunk;
  std::vector<float> late(it.input.size(), 0.0f);
  std::copy(it.input.begin(), it.input.end() - std::ptrdiff_t(std::min(depth, late.size())),
            late.begin() + std::ptrdiff_t(std::min(depth, late.size())));
  for (std::size_t at = 0; at < late.size(); at += chunk)
    if (rng.chance(0.005))
      std::fill_n(late.begin() + std::ptrdiff_t(at), std::min<std::size_t>(chunk, late.size() - at),
                  0.0f);
  it.input = std::move(late);
}

// No jitter buffer: the line stands still for 100 to 400 ms, twice in ten seconds, then all comes at
// once with its old times.
void stall(item& it, random_stream& rng) {
  const auto chunks = static_cast<std::int64_t>(it.input.size()) / chunk;
  for (std::int64_t at = rng.integer(25, 250); at < chunks; at += rng.integer(125, 375)) {
    const std::int64_t late_ms = rng.integer(100, 400);
    it.way.stalls.push_back({at, late_ms / 20, late_ms});
  }
}

}  // namespace

const std::vector<condition>& all_conditions() {
  static const std::vector<condition> all{
      {"noise20", "low-pass noise, 20 dB below the speech"},
      {"noise10", "low-pass noise, 10 dB below the speech"},
      {"noise0", "low-pass noise as loud as the speech"},
      {"room", "a reverberant room: 0.4 s to -60 dB, 6 dB below the direct sound"},
      {"echo", "the model's own sound comes back at -30 dB after 0.25 s"},
      {"loss", "5 % of the 20 ms chunks lost, in bursts of 60 ms on average"},
      {"jitter", "300 ms of jitter behind a jitter buffer as deep"},
      {"loss_jitter", "both: 5 % bursty loss and 300 ms of jitter"},
      {"late", "no jitter buffer: stalls of 100 to 400 ms, chunks come late with their old times"},
  };
  return all;
}

void apply_condition(const condition& how, item& it) {
  const std::string_view name = how.name;
  random_stream rng(scenarios::seed_of(it.seed, 4242));
  it.condition = how.name;
  if (name == "noise20") add_noise(it, 20, rng);
  if (name == "noise10") add_noise(it, 10, rng);
  if (name == "noise0") add_noise(it, 0, rng);
  if (name == "room") add_room(it, rng);
  if (name == "echo") it.way.echo_db = -30, it.way.echo_delay_s = 0.25;
  if (name == "loss" || name == "loss_jitter") lose(it, 0.05, rng);
  if (name == "jitter" || name == "loss_jitter") jitter(it, rng);
  if (name == "late") stall(it, rng);
}

}  // namespace hocket::duplex
