#include "tools/scenarios/flite_voice.hpp"

#include <flite/flite.h>

#include <cstdlib>
#include <map>
#include <mutex>

#include "engine/audio/dmel.hpp"
#include "graph/core/assert.hpp"

extern "C" {
cst_voice* register_cmu_us_slt(const char* voice_directory);
cst_voice* register_cmu_us_awb(const char* voice_directory);
cst_voice* register_cmu_us_kal16(const char* voice_directory);
cst_voice* register_cmu_us_rms(const char* voice_directory);
}

namespace hocket::scenarios {
namespace {

struct loaded_voice {
  cst_voice* voice = nullptr;
  float stretch = 1;  ///< as the voice was made
};

/// Guarded by the caller's lock.
const loaded_voice* voice_of(const std::string& name) {
  static const std::map<std::string, loaded_voice> voices = [] {
    flite_init();
    std::map<std::string, loaded_voice> all;
    for (const auto& [key, made] : {std::pair("slt", register_cmu_us_slt(nullptr)),
                                    {"awb", register_cmu_us_awb(nullptr)},
                                    {"kal16", register_cmu_us_kal16(nullptr)},
                                    {"rms", register_cmu_us_rms(nullptr)}})
      all[key] = {made, get_param_float(made->features, "duration_stretch", 1.0f)};
    return all;
  }();
  const auto found = voices.find(name);
  return found == voices.end() ? nullptr : &found->second;
}

std::vector<flite_speech::word_time> times_of(cst_utterance* utt) {
  std::vector<flite_speech::word_time> words;
  double previous_end = 0;
  const void* current = nullptr;
  for (cst_item* s = relation_head(utt_relation(utt, "Segment")); s; s = item_next(s)) {
    const double end = item_feat_float(s, "end");
    const cst_item* syllable = item_parent(item_as(s, "SylStructure"));
    const cst_item* word = syllable ? item_parent(syllable) : nullptr;
    if (word) {
      const void* id = static_cast<const void*>(word->contents);
      if (id != current) words.push_back({previous_end, end});
      current = id;
      words.back().end_s = end;
    }
    previous_end = end;
  }
  return words;
}

}  // namespace

flite_speech flite_say(const std::string& voice, const std::string& text, double stretch,
                       double pitch) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  const loaded_voice* chosen = voice_of(voice);
  if (!chosen) return {};
  feat_set_float(chosen->voice->features, "duration_stretch",
                 chosen->stretch * static_cast<float>(stretch));
  feat_set_float(chosen->voice->features, "f0_shift", static_cast<float>(pitch));
  // The voices draw their breath with rand(): from the same seed the same text sounds the same.
  std::srand(1);
  cst_utterance* utt = flite_synth_text(text.c_str(), chosen->voice);
  if (!utt) return {};
  const cst_wave* wave = utt_wave(utt);
  HOCKET_ASSERT(wave->sample_rate == engine::sample_rate_hz);
  flite_speech out;
  out.words = times_of(utt);
  out.samples.resize(static_cast<std::size_t>(wave->num_samples));
  for (std::size_t i = 0; i < out.samples.size(); ++i)
    out.samples[i] = static_cast<float>(wave->samples[i]) / 32768.0f;
  delete_utterance(utt);
  return out;
}

}  // namespace hocket::scenarios
