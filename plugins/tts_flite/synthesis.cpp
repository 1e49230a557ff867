#include "plugins/tts_flite/synthesis.hpp"

#include <flite/flite.h>

#include <cstdlib>
#include <map>
#include <mutex>

extern "C" {
cst_voice* register_cmu_us_slt(const char* folder);
cst_voice* register_cmu_us_rms(const char* folder);
cst_voice* register_cmu_us_awb(const char* folder);
cst_voice* register_cmu_us_kal16(const char* folder);
}

namespace hocket::tts_flite {
namespace {

constexpr int rate_hz = 16000;

struct loaded_voice {
  cst_voice* voice = nullptr;
  float stretch = 1;  ///< as the voice was made
};

// Under the lock. Voices stay loaded until the process ends; flite has no way to unload them.
const loaded_voice* voice_of(const std::string& name) {
  static std::map<std::string, loaded_voice> loaded;
  static const bool begun = flite_init() == 0;
  if (!begun) return nullptr;
  auto& slot = loaded[name];
  if (slot.voice) return &slot;
  if (name == "slt") slot.voice = register_cmu_us_slt(nullptr);
  if (name == "rms") slot.voice = register_cmu_us_rms(nullptr);
  if (name == "awb") slot.voice = register_cmu_us_awb(nullptr);
  if (name == "kal16") slot.voice = register_cmu_us_kal16(nullptr);
  if (!slot.voice) return nullptr;
  slot.stretch = get_param_float(slot.voice->features, "duration_stretch", 1.0f);
  return &slot;
}

// Flite's segments know the word that they belong to.
std::vector<synthesis::word> words_of(cst_utterance* utt) {
  std::vector<synthesis::word> out;
  const void* current = nullptr;
  double before_s = 0;
  for (cst_item* s = relation_head(utt_relation(utt, "Segment")); s; s = item_next(s)) {
    const double end_s = item_feat_float(s, "end");
    cst_item* syllable = item_parent(item_as(s, "SylStructure"));
    cst_item* word = syllable ? item_parent(syllable) : nullptr;
    if (word) {
      if (word->contents != current) out.push_back({item_name(word), before_s, end_s});
      current = word->contents;
      out.back().end_s = end_s;
    }
    before_s = end_s;
  }
  return out;
}

}  // namespace

synthesis_end synthesise(const std::string& voice, const std::string& text, double stretch,
                         double pitch, synthesis& into) {
  static std::mutex one_at_a_time;
  const std::lock_guard guard(one_at_a_time);
  const auto* chosen = voice_of(voice);
  if (!chosen) return synthesis_end::no_voice;
  feat_set_float(chosen->voice->features, "duration_stretch",
                 chosen->stretch * static_cast<float>(stretch));
  feat_set_float(chosen->voice->features, "f0_shift", static_cast<float>(pitch));
  std::srand(1);
  cst_utterance* utt = flite_synth_text(text.c_str(), chosen->voice);
  const cst_wave* wave = utt ? utt_wave(utt) : nullptr;
  if (!wave || wave->sample_rate != rate_hz) {
    if (utt) delete_utterance(utt);
    return synthesis_end::failed;
  }
  into.words = words_of(utt);
  into.samples.resize(static_cast<std::size_t>(wave->num_samples));
  for (std::size_t i = 0; i < into.samples.size(); ++i)
    into.samples[i] = static_cast<float>(wave->samples[i]) / 32768.0f;
  delete_utterance(utt);
  return synthesis_end::fine;
}

}  // namespace hocket::tts_flite
