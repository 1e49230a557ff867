#include "tools/scenarios/model_voice.hpp"

#include <flite/flite.h>

#include <algorithm>
#include <cmath>
#include <mutex>

#include "engine/audio/dmel.hpp"
#include "engine/audio/speech_mel.hpp"
#include "engine/text/vocabulary.hpp"
#include "graph/core/assert.hpp"

extern "C" cst_voice* register_cmu_us_slt(const char* voice_directory);

namespace hocket::scenarios {
namespace {

constexpr double lead_in_s = 0.03, tail_s = 0.05;

// How an American voice has to read them.
std::string spelling_of(const std::string& word) {
  static const std::map<std::string, std::string> spelt{
      {"uno", "oono"},     {"dos", "dose"},   {"tres", "trace"},    {"cuatro", "kwahtro"},
      {"cinco", "seenko"}, {"seis", "sayss"}, {"siete", "syettay"}, {"ocho", "oacho"},
      {"nueve", "nuevay"}, {"diez", "dieth"}, {"uh", "uh"},         {"hocket", "hockit"}};
  const auto found = spelt.find(word);
  return found == spelt.end() ? word : found->second;
}

// End times in seconds of the sounds of each word, begin of the first one, from flite's segments.
struct segment_times {
  double begin = 0;
  std::vector<std::pair<double, double>> words;
};

segment_times times_of(cst_utterance* utt) {
  segment_times out;
  double previous_end = 0;
  const void* current = nullptr;
  for (cst_item* s = relation_head(utt_relation(utt, "Segment")); s; s = item_next(s)) {
    const double end = item_feat_float(s, "end");
    const cst_item* syllable = item_parent(item_as(s, "SylStructure"));
    const cst_item* word = syllable ? item_parent(syllable) : nullptr;
    if (word) {
      const void* id = static_cast<const void*>(word->contents);
      if (id != current) {
        if (out.words.empty()) out.begin = previous_end;
        out.words.emplace_back(previous_end, end);
        current = id;
      }
      out.words.back().second = end;
    }
    previous_end = end;
  }
  return out;
}

phrase render(const std::string& text) {
  static cst_voice* voice = [] {
    flite_init();
    return register_cmu_us_slt(nullptr);
  }();
  const std::vector<std::string> words = engine::words_of(text);
  std::string spelt;
  for (const std::string& word : words) spelt += (spelt.empty() ? "" : " ") + spelling_of(word);
  cst_utterance* utt = flite_synth_text(spelt.c_str(), voice);
  const cst_wave* wave = utt_wave(utt);
  const segment_times times = times_of(utt);
  HOCKET_ASSERT(wave->sample_rate == engine::sample_rate_hz);
  HOCKET_ASSERT(times.words.size() == words.size());

  phrase out;
  const double from_s = times.begin - lead_in_s, to_s = times.words.back().second + tail_s;
  const auto rate = static_cast<double>(wave->sample_rate);
  const auto from = static_cast<std::int64_t>(std::llround(from_s * rate));
  const auto to = std::min<std::int64_t>(std::llround(to_s * rate), wave->num_samples);
  const std::int64_t length = (to - from + 799) / 800 * 800;
  out.samples.assign(static_cast<std::size_t>(length), 0.0f);
  for (std::int64_t i = std::max<std::int64_t>(0, from); i < to; ++i) {
    const double edge_in = double(i - from) / 160.0, edge_out = double(to - i) / 400.0;
    const double fade = std::clamp(std::min(edge_in, edge_out), 0.0, 1.0);
    out.samples[static_cast<std::size_t>(i - from)] =
        static_cast<float>(wave->samples[i] / 32768.0 * fade);
  }
  for (std::size_t w = 0; w < words.size(); ++w)
    out.words.push_back({words[w], std::llround((times.words[w].first - from_s) * rate),
                         std::llround((times.words[w].second - from_s) * rate)});
  delete_utterance(utt);
  out.patches = engine::speech_patches_of(out.samples);
  return out;
}

}  // namespace

model_voice& model_voice::shared() {
  static model_voice voice;
  return voice;
}

const phrase& model_voice::say(const std::string& text) {
  {
    const std::shared_lock read(mutex_);
    if (const auto found = phrases_.find(text); found != phrases_.end()) return *found->second;
  }
  const std::unique_lock write(mutex_);
  std::unique_ptr<phrase>& slot = phrases_[text];
  if (!slot) slot = std::make_unique<phrase>(render(text));
  return *slot;
}

}  // namespace hocket::scenarios
