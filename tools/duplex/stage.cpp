#include "tools/duplex/stage.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "engine/audio/resample.hpp"
#include "tools/duplex/timeline.hpp"

namespace hocket::duplex {
namespace {

using scenarios::random_stream;

// Cuts the silence off and sets the level.
std::vector<float> levelled(std::span<const float> samples, double gain_db) {
  const auto sound = segments_of(samples, 10);
  if (sound.empty()) return {};
  const auto from = static_cast<std::size_t>(std::llround(sound.front().from_s * rate_hz));
  const auto to =
      std::min(samples.size(), static_cast<std::size_t>(std::llround(sound.back().to_s * rate_hz)));
  std::vector<float> out(samples.begin() + static_cast<std::ptrdiff_t>(from),
                         samples.begin() + static_cast<std::ptrdiff_t>(to));
  double power = 1e-12;
  for (const float v : out) power += double(v) * double(v) / static_cast<double>(out.size());
  const double gain = 0.1 / std::sqrt(power) * std::pow(10.0, gain_db / 20);
  for (float& v : out) v = std::clamp(static_cast<float>(v * gain), -1.0f, 1.0f);
  return out;
}

}  // namespace

speaker draw_speaker(random_stream& rng, bool flite) {
  speaker out;
  out.flite = flite;
  const auto heldout = scenarios::split::heldout;
  out.who.voice =
      rng.pick(flite ? scenarios::flite_voices_of(heldout) : scenarios::voices_of(heldout));
  out.who.rate_wpm = 5 * rng.integer(26, 38);  // 130 to 190, test rates alone
  out.who.pitch = rng.integer(30, 75);
  out.who.gain_db = rng.uniform(-9.0, 2.0);
  return out;
}

result<std::unique_ptr<voices>> voices::open(const scenarios::speech_bank* bank) {
  auto person = scenarios::person_voice::open();
  if (!person) return fail(person);
  std::unique_ptr<voices> out(new voices);
  out->person_ = std::move(*person);
  out->bank_ = bank;
  return out;
}

result<std::vector<float>> voices::say(const std::string& text, const speaker& who) {
  std::srand(1);  // flite draws its noise from rand()
  auto said = person_->say(text, who.who);
  if (!said) return fail(said);
  auto at_16k = engine::resample(said->samples, said->rate_hz, double(rate_hz));
  if (!at_16k) return fail(at_16k);
  return levelled(*at_16k, who.who.gain_db);
}

result<std::vector<float>> voices::say_by_people(const std::string& text, const speaker& who,
                                                 random_stream& rng) {
  auto said = person_->say(text, who.who);
  if (!said) return fail(said);
  int people = 0;
  const auto spliced = bank_->with_people(*said, 1.0, rng, &people);
  if (people == 0)
    return fail("duplex.bank", "nobody in the speech bank says a word of `" + text + "`");
  auto at_16k = engine::resample(spliced.samples, spliced.rate_hz, double(rate_hz));
  if (!at_16k) return fail(at_16k);
  return levelled(*at_16k, who.who.gain_db);
}

stage::stage(voices& from, item& into, std::uint64_t seed, bool flite)
    : rng(seed), from_(from), into_(into), user_(draw_speaker(rng, flite)) {
  far_ = draw_speaker(rng, false);
  while (far_.who.voice == user_.who.voice) far_ = draw_speaker(rng, false);
  far_.who.gain_db = std::min(user_.who.gain_db - rng.uniform(16, 22), -21.0);
  into_.seed = seed;
  into_.synthesiser = user_.synthesiser();
  into_.voice = user_.who.voice;
  into_.rate_wpm = user_.who.rate_wpm;
}

double stage::say(const std::string& text, double at_s, const std::string& who, bool overlap) {
  if (failed_) return at_s;
  speaker third = far_;
  third.who.gain_db = user_.who.gain_db;
  auto sound = from_.say(text, who == "background" ? far_ : who == "third" ? third : user_);
  if (!sound) {
    failed_ = sound.error();
    return at_s;
  }
  return place(std::move(*sound), at_s, who, text, overlap);
}

double stage::say_by_people(const std::string& text, double at_s) {
  if (failed_) return at_s;
  auto sound = from_.say_by_people(text, user_, rng);
  if (!sound) {
    failed_ = sound.error();
    return at_s;
  }
  return place(std::move(*sound), at_s, "user", text, false);
}

bool stage::people_say(const std::string& word) const {
  for (const auto& voice : from_.bank()->people())
    for (const auto& clip : voice.clips)
      if (clip.words.front().word == word) return true;
  return false;
}

std::optional<std::pair<std::string, std::vector<float>>> stage::bank_request(
    const std::string& id) {
  if (failed_) return std::nullopt;
  const auto& all = from_.bank()->neural();
  if (all.empty()) {
    failed_ = error{"duplex.bank", "the speech bank has no held-out neural voice"};
    return std::nullopt;
  }
  // Voices in turn, so that each has as many items; every request of one once, then again.
  const auto number = static_cast<std::size_t>(std::stoul(id));
  const auto& voice = all[number % all.size()];
  const auto& clip = voice.clips[number / all.size() % voice.clips.size()];
  std::string text;
  for (const auto& w : clip.words) text += (text.empty() ? "" : " ") + w.word;
  std::vector<float> sound;
  for (auto i = clip.start; i < clip.end; ++i)
    sound.push_back(static_cast<float>(voice.samples[static_cast<std::size_t>(i)]) / 32767);
  into_.synthesiser = "bank";
  into_.voice = voice.name;
  into_.rate_wpm = 0;
  return std::pair{text, levelled(sound, user_.who.gain_db)};
}

double stage::place(std::vector<float> sound, double at_s, const std::string& who,
                    const std::string& text, bool overlap) {
  const auto at = static_cast<std::int64_t>(std::llround(at_s * rate_hz));
  const auto end = at + static_cast<std::int64_t>(sound.size());
  into_.sounds.push_back({who, text, at, end});
  placed_.push_back({std::move(sound), at, overlap});
  return static_cast<double>(end) / rate_hz;
}

double stage::cough(double at_s, bool overlap) {
  if (failed_) return at_s;
  std::vector<float> sound;
  float low = 0;
  for (const double burst_s : {rng.uniform(0.12, 0.18), rng.uniform(0.15, 0.25)}) {
    const auto length = std::llround(burst_s * rate_hz);
    for (std::int64_t i = 0; i < length; ++i) {
      // A sharp begin and a decay; the throat takes the highs away.
      const double shape =
          std::min(1.0, double(i) / 80) * std::exp(-4.0 * double(i) / double(length));
      low += 0.45f * (rng.rough_normal() - low);
      sound.push_back(static_cast<float>(shape) * low);
    }
  }
  return place(levelled(sound, user_.who.gain_db), at_s, "sound", "cough", overlap);
}

std::vector<float> stage::mix(std::int64_t length, bool with_overlap) const {
  std::vector<float> out(static_cast<std::size_t>(length), 0.0f);
  for (const auto& p : placed_) {
    if (p.overlap && !with_overlap) continue;
    for (std::size_t i = 0; i < p.samples.size(); ++i) {
      const auto at = p.at + static_cast<std::int64_t>(i);
      if (at >= 0 && at < length) out[static_cast<std::size_t>(at)] += p.samples[i];
    }
  }
  random_stream noise(scenarios::seed_of(into_.seed, 77));
  const auto sigma = static_cast<float>(std::pow(10.0, noise.uniform(-68, -55) / 20));
  for (float& v : out) v = std::clamp(v + sigma * noise.rough_normal(), -1.0f, 1.0f);
  return out;
}

result<void> stage::finish(double length_s) {
  if (failed_) return tl::unexpected<error>(*failed_);
  // Whole micro-turns, so that the end of an item is no event of its own.
  const auto turns = static_cast<std::int64_t>(std::ceil(length_s * 5 - 1e-9));
  const std::int64_t length = turns * rate_hz / 5;
  std::ranges::stable_sort(into_.sounds, {}, &sounding::start);
  into_.samples = length;
  into_.input = mix(length, true);
  if (std::ranges::any_of(placed_, &placed::overlap)) into_.clean_input = mix(length, false);
  return {};
}

}  // namespace hocket::duplex
