#include "plugins/tts_flite/flite_voice.hpp"

#include <flite/flite.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <sstream>

extern "C" {
cst_voice* register_cmu_us_slt(const char* folder);
cst_voice* register_cmu_us_rms(const char* folder);
cst_voice* register_cmu_us_awb(const char* folder);
cst_voice* register_cmu_us_kal16(const char* folder);
}

namespace hocket::tts_flite {
namespace {

constexpr double rate_hz = 16000;
constexpr double lead_in_s = 0.03, tail_s = 0.06;
constexpr double fade_in_samples = 160, fade_out_samples = 400;

std::mutex& flite_lock() {
  static std::mutex lock;
  return lock;
}

// Under the lock. Voices stay loaded until the process ends; flite has no way to unload them.
cst_voice* voice_of(const std::string& name) {
  static std::map<std::string, cst_voice*> loaded;
  static const bool begun = flite_init() == 0;
  if (!begun) return nullptr;
  auto& voice = loaded[name];
  if (voice) return voice;
  if (name == "slt") voice = register_cmu_us_slt(nullptr);
  if (name == "rms") voice = register_cmu_us_rms(nullptr);
  if (name == "awb") voice = register_cmu_us_awb(nullptr);
  if (name == "kal16") voice = register_cmu_us_kal16(nullptr);
  return voice;
}

// Sounds of words in seconds; flite's segments know the word that they belong to.
std::vector<spoken::word_time> words_of(cst_utterance* utt) {
  std::vector<spoken::word_time> out;
  const void* current = nullptr;
  double before_s = 0;
  for (cst_item* s = relation_head(utt_relation(utt, "Segment")); s; s = item_next(s)) {
    const double end_s = item_feat_float(s, "end");
    cst_item* syllable = item_parent(item_as(s, "SylStructure"));
    cst_item* word = syllable ? item_parent(syllable) : nullptr;
    if (word) {
      if (word->contents != current)
        out.push_back({item_name(word), std::llround(before_s * rate_hz), 0});
      current = word->contents;
      out.back().end = std::llround(end_s * rate_hz);
    }
    before_s = end_s;
  }
  return out;
}

spoken cut(const cst_wave* wave, std::vector<spoken::word_time> words) {
  spoken out;
  if (words.empty()) return out;
  const auto from = words.front().begin - std::llround(lead_in_s * rate_hz);
  const auto to = words.back().end + std::llround(tail_s * rate_hz);
  for (auto i = from; i < to; ++i) {
    const double edge = std::min(static_cast<double>(i - from) / fade_in_samples,
                                 static_cast<double>(to - i) / fade_out_samples);
    const double sample = i >= 0 && i < wave->num_samples ? wave->samples[i] / 32768.0 : 0;
    out.samples.push_back(static_cast<float>(sample * std::clamp(edge, 0.0, 1.0)));
  }
  for (auto& w : words) {
    w.begin -= from;
    w.end -= from;
  }
  out.words = std::move(words);
  return out;
}

}  // namespace

std::vector<std::string> plain_words(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) {
    std::string plain;
    for (const char c : word)
      if (std::isalnum(static_cast<unsigned char>(c)) || c == '\'' || (c & 0x80))
        plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (!plain.empty()) out.push_back(std::move(plain));
  }
  return out;
}

result<spoken> flite_voice::say(const std::string& text) const {
  const auto wanted = plain_words(text);
  if (wanted.empty()) return spoken{};
  std::string read;
  std::vector<std::string> written;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) {
    const auto plain = plain_words(word);
    if (!plain.empty()) written.push_back(word);
    const auto other = plain.empty() ? spelling_.end() : spelling_.find(plain.front());
    if (other != spelling_.end()) {
      const bool pause = std::ispunct(static_cast<unsigned char>(word.back()));
      word = other->second + (pause ? std::string(1, word.back()) : "");
    }
    read += (read.empty() ? "" : " ") + word;
  }
  const std::lock_guard guard(flite_lock());
  auto* voice = voice_of(name_);
  if (!voice) return fail("tts.no_voice", "flite has no voice " + name_);
  // Its breath is drawn with rand(): from the same seed, so that the same text sounds the same.
  std::srand(1);
  cst_utterance* utt = flite_synth_text(read.c_str(), voice);
  const cst_wave* wave = utt ? utt_wave(utt) : nullptr;
  if (!wave || wave->sample_rate != static_cast<int>(rate_hz)) {
    if (utt) delete_utterance(utt);
    return fail("tts.failed", "flite made no 16 kHz sound");
  }
  auto words = words_of(utt);
  const bool ours = words.size() == wanted.size() && written.size() == wanted.size();
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (ours) words[i].word = wanted[i];
    words[i].written = ours ? written[i] : words[i].word;
  }
  auto out = cut(wave, std::move(words));
  delete_utterance(utt);
  return out;
}

}  // namespace hocket::tts_flite
