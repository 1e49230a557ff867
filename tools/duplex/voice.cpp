#include "tools/duplex/voice.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tools/duplex/item.hpp"
#include "tools/duplex/score.hpp"
#include "tools/duplex/timeline.hpp"

namespace hocket::duplex {
namespace {

constexpr std::int64_t hop = rate_hz / 100, pitch_frame = rate_hz / 25,
                       level_frame = rate_hz * 3 / 100;
constexpr std::int64_t shortest_lag = rate_hz / 400, longest_lag = rate_hz / 70;
constexpr double voiced = 0.6;    ///< correlation of a voiced frame with itself, one period later
constexpr double floor_db = -60;  ///< of cut-offs
constexpr double least_speech_s = 0.4;

double mean(const std::vector<double>& all) {
  return std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size());
}

double deviation(const std::vector<double>& all) {
  const double m = mean(all);
  double sum = 0;
  for (const double v : all) sum += (v - m) * (v - m);
  return std::sqrt(sum / static_cast<double>(all.size()));
}

std::span<const float> part(std::span<const float> sound, double from_s, double to_s) {
  const auto size = static_cast<std::int64_t>(sound.size());
  const auto from = std::clamp<std::int64_t>(std::llround(from_s * rate_hz), 0, size);
  const auto to = std::clamp<std::int64_t>(std::llround(to_s * rate_hz), from, size);
  return sound.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from));
}

double level_of(std::span<const float> frame) {
  double power = 1e-10;
  for (const float v : frame) power += double(v) * double(v) / static_cast<double>(frame.size());
  return 10 * std::log10(power);
}

/// dBFS of whole frames, one after the other.
std::vector<double> frame_levels(std::span<const float> sound) {
  std::vector<double> out;
  for (std::size_t at = 0; at + level_frame <= sound.size(); at += level_frame)
    out.push_back(level_of(sound.subspan(at, level_frame)));
  return out;
}

std::vector<segment> speech_between(const timeline& did, double from_s, double to_s) {
  std::vector<segment> out;
  for (const auto& s : did.speech)
    if (s.to_s > from_s && s.from_s < to_s)
      out.push_back({std::max(s.from_s, from_s), std::min(s.to_s, to_s)});
  return out;
}

// The shortest lag whose correlation is nearly the best one: multiples of the period match as well.
std::optional<double> pitch_of(std::span<const float> frame) {
  const auto size = static_cast<std::int64_t>(frame.size());
  std::vector<double> fit;
  for (std::int64_t lag = shortest_lag; lag <= longest_lag; ++lag) {
    double ab = 0, aa = 1e-9, bb = 1e-9;
    for (std::int64_t i = 0; i + lag < size; ++i) {
      const double a = frame[static_cast<std::size_t>(i)],
                   b = frame[static_cast<std::size_t>(i + lag)];
      ab += a * b;
      aa += a * a;
      bb += b * b;
    }
    fit.push_back(ab / std::sqrt(aa * bb));
  }
  const double best = *std::ranges::max_element(fit);
  if (best < voiced) return std::nullopt;
  for (std::size_t i = 1; i + 1 < fit.size(); ++i)
    if (fit[i] >= 0.9 * best && fit[i] >= fit[i - 1] && fit[i] >= fit[i + 1]) {
      // The peak of a parabola through three points.
      const double bend = fit[i - 1] - 2 * fit[i] + fit[i + 1];
      const double shift = bend < 0 ? 0.5 * (fit[i - 1] - fit[i + 1]) / bend : 0;
      return rate_hz / (static_cast<double>(shortest_lag) + static_cast<double>(i) + shift);
    }
  return std::nullopt;
}

std::optional<double> cut_off_of(const item& of, std::span<const float> sound,
                                 const timeline& did) {
  const auto reply = find_any(did, of.expect.replies, of.from_s);
  const auto silent_s = yields_at(did, of.from_s, reply);
  if (!silent_s || *silent_s > of.length_s() - 0.1) return std::nullopt;
  // Frames at four offsets, so that the fall is not split by where they begin.
  double largest = 0;
  for (int offset = 0; offset < 4; ++offset) {
    const double from_s = *silent_s - 0.09 + offset * 0.0075;
    const auto levels = frame_levels(part(sound, from_s, from_s + 0.18));
    for (std::size_t i = 1; i < levels.size(); ++i)
      largest =
          std::max(largest, std::max(levels[i - 1], floor_db) - std::max(levels[i], floor_db));
  }
  return largest;
}

struct named_field {
  const char* name;
  std::optional<double> voice_facts::*value;
};
constexpr named_field fields[] = {{"words_per_s", &voice_facts::words_per_s},
                                  {"pitch_hz", &voice_facts::pitch_hz},
                                  {"pitch_deviation_hz", &voice_facts::pitch_deviation_hz},
                                  {"level_db", &voice_facts::level_db},
                                  {"level_deviation_db", &voice_facts::level_deviation_db}};

}  // namespace

std::vector<double> pitches_of(std::span<const float> samples) {
  std::vector<double> out;
  const auto size = static_cast<std::int64_t>(samples.size());
  for (std::int64_t at = 0; at + pitch_frame <= size; at += hop)
    if (const auto hz = pitch_of(samples.subspan(static_cast<std::size_t>(at), pitch_frame)))
      out.push_back(*hz);
  return out;
}

voice_facts voice_between(std::span<const float> sound, const timeline& did, double from_s,
                          double to_s) {
  voice_facts out;
  const auto speech = speech_between(did, from_s, to_s);
  double sounding_s = 0, speaking_s = 0;
  std::vector<double> pitches, levels;
  for (const auto& s : speech) {
    sounding_s += s.length_s();
    const auto samples = part(sound, s.from_s, s.to_s);
    const auto found = pitches_of(samples);
    pitches.insert(pitches.end(), found.begin(), found.end());
    for (const double db : frame_levels(samples)) levels.push_back(db);
  }
  if (sounding_s < least_speech_s) return out;
  for (const auto& s : merged(speech, 0.5)) speaking_s += s.length_s();
  // A word's text comes up to a micro-turn before its sound.
  const auto words = std::ranges::count_if(did.words, [&](const said_word& w) {
    const double at_s = sound_of(did, w.at_s).value_or(w.at_s);
    return at_s >= from_s - 1e-9 && at_s < to_s;
  });
  if (did.has_words && words >= 2) out.words_per_s = static_cast<double>(words) / speaking_s;
  if (pitches.size() >= 10) {
    out.pitch_hz = mean(pitches);
    out.pitch_deviation_hz = deviation(pitches);
  }
  if (levels.size() >= 5) {
    out.level_db = mean(levels);
    out.level_deviation_db = deviation(levels);
  }
  return out;
}

std::optional<voice_change> voice_around(const item& of, std::span<const float> sound,
                                         const timeline& did) {
  static const std::vector<std::string> overlapped{"interruption", "backchannel", "other",
                                                   "background",   "barge_in",    "vocal_tic"};
  if (std::ranges::count(overlapped, of.family) == 0) return std::nullopt;
  double after_s = of.to_s;
  if (const auto reply = find_any(did, of.expect.replies, of.from_s))
    after_s = std::max(of.from_s, sound_of(did, *reply).value_or(*reply));
  voice_change out;
  out.before =
      voice_between(sound, did, of.sounds.empty() ? 0 : of.sounds.front().to_s(), of.from_s);
  out.after = voice_between(sound, did, after_s, of.length_s());
  out.cut_off_db = cut_off_of(of, sound, did);
  return out;
}

std::map<std::string, double> values_of(const voice_change& change) {
  std::map<std::string, double> out;
  for (const auto& f : fields) {
    if (const auto& v = change.before.*f.value) out[std::string("before_") + f.name] = *v;
    if (const auto& v = change.after.*f.value) out[std::string("after_") + f.name] = *v;
  }
  if (change.cut_off_db) out["cut_off_db"] = *change.cut_off_db;
  return out;
}

}  // namespace hocket::duplex
