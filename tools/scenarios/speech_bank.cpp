#include "tools/scenarios/speech_bank.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "engine/audio/resample.hpp"
#include "engine/audio/wav.hpp"
#include "engine/text/vocabulary.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::scenarios {
namespace {

namespace fs = std::filesystem;
constexpr std::int64_t rate_hz = 16000;
constexpr std::int64_t fade = 48;  // 3 ms where a piece is cut out of a sentence

result<bank_voice> read_voice(const nlohmann::json& index, const fs::path& file) {
  bank_voice out;
  out.name = index.at("voice").get<std::string>();
  auto sound = engine::read_wav(fs::path(file).replace_extension(".wav").string());
  if (!sound) return fail("scenarios.bank", sound.error().message);
  if (sound->rate_hz != rate_hz || sound->channels != 1)
    return fail("scenarios.bank", file.string() + ": its sound is not 16 kHz mono");
  for (const float v : sound->samples)
    out.samples.push_back(
        static_cast<std::int16_t>(std::lround(std::clamp(v, -1.0f, 1.0f) * 32767)));
  const auto length = static_cast<std::int64_t>(out.samples.size());
  for (const auto& c : index.at("clips")) {
    bank_clip clip{c.value("speaker", ""),
                   c.at("start").get<std::int64_t>(),
                   c.at("end").get<std::int64_t>(),
                   {}};
    std::int64_t last = clip.start;
    bool fits = clip.start >= 0 && clip.start < clip.end && clip.end <= length;
    for (const auto& w : c.at("words")) {
      clip.words.push_back(
          {w.at(0).get<std::string>(), w.at(1).get<std::int64_t>(), w.at(2).get<std::int64_t>()});
      fits = fits && clip.words.back().start >= last &&
             clip.words.back().start < clip.words.back().end;
      last = clip.words.back().end;
    }
    if (!fits || clip.words.empty() || last > clip.end)
      return fail("scenarios.bank", file.string() + ": clip " + std::to_string(out.clips.size()) +
                                        " lies outside its sound or its words do; make it again");
    out.clips.push_back(std::move(clip));
  }
  if (out.clips.empty()) return fail("scenarios.bank", file.string() + ": it has no clips");
  return out;
}

/// Samples [from, to) at -20 dBFS as the bank has them, times gain, faded where cut.
void append(utterance& out, const bank_voice& voice, std::int64_t from, std::int64_t to,
            float gain) {
  for (std::int64_t i = from; i < to; ++i) {
    const auto edge = std::min({i - from + 1, to - i, fade});
    out.samples.push_back(gain * static_cast<float>(edge) / static_cast<float>(fade) *
                          static_cast<float>(voice.samples[static_cast<std::size_t>(i)]) / 32767);
  }
}

/// A word that no request to the model has.
bool foreign(const spoken_word& w) { return !nano_vocabulary().contains(w.word); }

struct piece {
  const bank_clip* clip = nullptr;
  std::size_t first = 0, count = 0;
  double score = 0;
};

piece best_piece(const bank_voice& voice, const std::vector<std::string>& words, std::size_t at,
                 random_stream& rng) {
  piece best;
  for (const bank_clip& clip : voice.clips)
    for (std::size_t j = 0; j < clip.words.size(); ++j) {
      std::size_t n = 0;
      while (j + n < clip.words.size() && at + n < words.size() &&
             clip.words[j + n].word == words[at + n])
        ++n;
      if (n == 0) continue;
      const bool begins = (at == 0) == (j == 0);
      const bool ends = (at + n == words.size()) == (j + n == clip.words.size());
      const double score = static_cast<double>(n) + 0.3 * begins + 0.4 * ends + 0.2 * rng.unit();
      if (score > best.score) best = {&clip, j, n, score};
    }
  return best;
}

}  // namespace

result<bank_voice> read_bank_voice(const std::string& file) {
  std::ifstream in(file);
  if (!in)
    return fail("scenarios.bank",
                file + ": cannot be read; tools/scenarios/bank/README.md says how it is made");
  try {
    return read_voice(nlohmann::json::parse(in, nullptr, false), file);
  } catch (const nlohmann::json::exception& e) {
    return fail("scenarios.bank", file + ": " + e.what());
  }
}

result<std::shared_ptr<const speech_bank>> speech_bank::open(const std::string& folder, split which,
                                                             const std::string& without) {
  std::error_code failed;
  std::vector<fs::path> files;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed))
    if (at->path().extension() == ".json") files.push_back(at->path());
  if (failed)
    return fail("scenarios.bank", folder + ": " + failed.message() +
                                      "; tools/scenarios/bank/README.md says how it is made");
  std::ranges::sort(files);
  auto out = std::make_shared<speech_bank>();
  for (const auto& file : files) {
    std::ifstream in(file);
    const auto index = nlohmann::json::parse(in, nullptr, false);
    try {
      const auto part = index.at("part").get<std::string>();
      if (part != (which == split::train ? "train" : "heldout")) continue;
      auto voice = read_voice(index, file);
      if (!voice) return fail(voice);
      if (voice->name == without) continue;
      const bool people = index.at("kind").get<std::string>() == "people";
      (people ? out->people_ : out->neural_).push_back(std::move(*voice));
    } catch (const nlohmann::json::exception& e) {
      return fail("scenarios.bank", file.string() + ": " + e.what());
    }
  }
  return std::shared_ptr<const speech_bank>(std::move(out));
}

std::optional<utterance> speech_bank::say(const bank_voice& voice, const std::string& text,
                                          double gain_db, random_stream& rng) {
  const auto words = engine::words_of(text);
  const auto gain = static_cast<float>(std::pow(10.0, gain_db / 20));
  utterance out;
  out.rate_hz = rate_hz;
  for (std::size_t at = 0; at < words.size();) {
    const piece next = best_piece(voice, words, at, rng);
    if (!next.clip) return std::nullopt;
    if (at > 0)
      out.samples.resize(out.samples.size() + static_cast<std::size_t>(rng.integer(0, 640)));
    const std::int64_t from = next.clip->words[next.first].start;
    const std::int64_t to = next.clip->words[next.first + next.count - 1].end;
    const auto shift = static_cast<std::int64_t>(out.samples.size()) - from;
    for (std::size_t i = next.first; i < next.first + next.count; ++i) {
      const spoken_word& w = next.clip->words[i];
      out.words.push_back({w.word, w.start + shift, w.end + shift});
    }
    append(out, voice, from, to, gain);
    at += next.count;
  }
  return out;
}

utterance speech_bank::with_people(const utterance& said, double share, random_stream& rng,
                                   int* changed) const {
  const auto sound = engine::resample(said.samples, said.rate_hz, double(rate_hz));
  if (!sound || people_.empty()) return said;
  double power = 1e-12;
  for (const float v : *sound) power += double(v) * double(v) / double(sound->size());
  const auto level = static_cast<float>(std::sqrt(power) / 0.1);
  utterance out;
  out.rate_hz = rate_hz;
  std::int64_t copied = 0;
  const auto copy_to = [&](std::int64_t to) {
    to = std::clamp<std::int64_t>(to, copied, static_cast<std::int64_t>(sound->size()));
    out.samples.insert(out.samples.end(), sound->begin() + copied, sound->begin() + to);
    copied = to;
  };
  const auto at_16k = [&](std::int64_t s) {
    return std::llround(static_cast<double>(s) * double(rate_hz) / said.rate_hz);
  };
  const auto rest = [&] {
    out.samples.resize(out.samples.size() + static_cast<std::size_t>(rng.integer(160, 1280)));
  };
  for (const spoken_word& w : said.words) {
    std::vector<std::pair<const bank_voice*, const bank_clip*>> by;
    for (const bank_voice& v : people_)
      for (const bank_clip& c : v.clips)
        if (c.words.front().word == w.word) by.emplace_back(&v, &c);
    const bool taken = rng.chance(share) && !by.empty();
    copy_to(at_16k(w.start));
    if (taken && !out.samples.empty()) rest();
    const auto start = static_cast<std::int64_t>(out.samples.size());
    if (taken) {
      const auto& [voice, clip] = rng.pick(by);
      append(out, *voice, clip->start, clip->end,
             level * static_cast<float>(std::pow(10.0, rng.uniform(-3, 3) / 20)));
      copied =
          std::clamp<std::int64_t>(at_16k(w.end), copied, static_cast<std::int64_t>(sound->size()));
      if (changed) ++*changed;
    } else {
      copy_to(at_16k(w.end));
    }
    out.words.push_back({w.word, start, static_cast<std::int64_t>(out.samples.size())});
    if (taken && &w != &said.words.back()) rest();
  }
  copy_to(static_cast<std::int64_t>(sound->size()));
  return out;
}

std::optional<utterance> speech_bank::small_talk_of_others(double gain_db,
                                                           random_stream& rng) const {
  const bool neural = people_.empty() || (!neural_.empty() && rng.chance(0.5));
  const auto& of = neural ? neural_ : people_;
  if (of.empty()) return std::nullopt;
  const bank_voice& voice = rng.pick(of);
  std::vector<const bank_clip*> fitting;
  for (const bank_clip& c : voice.clips)
    // Neural voices say whole requests, which are for the model; "stop" always is.
    if (neural ? std::ranges::any_of(c.words, foreign) : c.words.front().word != "stop")
      fitting.push_back(&c);
  if (fitting.empty()) return std::nullopt;
  const bank_clip& clip = *rng.pick(fitting);
  utterance out;
  out.rate_hz = rate_hz;
  for (const spoken_word& w : clip.words)
    out.words.push_back({w.word, w.start - clip.start, w.end - clip.start});
  append(out, voice, clip.start, clip.end, static_cast<float>(std::pow(10.0, gain_db / 20)));
  return out;
}

}  // namespace hocket::scenarios
