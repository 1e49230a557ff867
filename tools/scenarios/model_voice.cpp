#include "tools/scenarios/model_voice.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "engine/audio/dmel.hpp"
#include "engine/audio/speech_mel.hpp"
#include "engine/text/vocabulary.hpp"
#include "graph/core/assert.hpp"
#include "tools/scenarios/flite_voice.hpp"

namespace hocket::scenarios {
namespace {

constexpr double lead_in_s = 0.03, tail_s = 0.05;

// How an American voice has to read them.
std::string spelling_of(const std::string& word) {
  static const std::map<std::string, std::string> spelt{
      {"uno", "oono"},     {"dos", "dose"},   {"tres", "trace"},    {"cuatro", "kwahtro"},
      {"cinco", "seenko"}, {"seis", "sayss"}, {"siete", "syettay"}, {"ocho", "oacho"},
      {"nueve", "nuevay"}, {"diez", "dieth"}, {"uh", "uh"},         {"hocket", "hockit"},
      {"##a", "ay"},       {"##b", "bee"},    {"##c", "see"},       {"##d", "dee"},
      {"##e", "ee"},       {"##f", "eff"},    {"##g", "gee"},       {"##h", "aitch"},
      {"##i", "eye"},      {"##j", "jay"},    {"##k", "kay"},       {"##l", "ell"},
      {"##m", "em"},       {"##n", "en"},     {"##o", "oh"},        {"##p", "pea"},
      {"##q", "queue"},    {"##r", "are"},    {"##s", "ess"},       {"##t", "tea"},
      {"##u", "you"},      {"##v", "vee"},    {"##w", "doubleyou"}, {"##x", "ex"},
      {"##y", "why"},      {"##z", "zee"}};
  const auto found = spelt.find(word);
  return found == spelt.end() ? word : found->second;
}

phrase render(const std::string& text) {
  const std::vector<std::string> words =
      engine::letter_of(text).empty() ? engine::words_of(text) : std::vector<std::string>{text};
  std::string spelt;
  for (const std::string& word : words) spelt += (spelt.empty() ? "" : " ") + spelling_of(word);
  const flite_speech speech = flite_say("slt", spelt);
  HOCKET_ASSERT(speech.words.size() == words.size());

  phrase out;
  const double from_s = speech.words.front().start_s - lead_in_s;
  const double to_s = speech.words.back().end_s + tail_s;
  const double rate = engine::sample_rate_hz;
  const auto from = static_cast<std::int64_t>(std::llround(from_s * rate));
  const auto to = std::min<std::int64_t>(std::llround(to_s * rate),
                                         static_cast<std::int64_t>(speech.samples.size()));
  const std::int64_t length = (to - from + 799) / 800 * 800;
  out.samples.assign(static_cast<std::size_t>(length), 0.0f);
  for (std::int64_t i = std::max<std::int64_t>(0, from); i < to; ++i) {
    const double edge_in = double(i - from) / 160.0, edge_out = double(to - i) / 400.0;
    const double fade = std::clamp(std::min(edge_in, edge_out), 0.0, 1.0);
    out.samples[static_cast<std::size_t>(i - from)] =
        static_cast<float>(speech.samples[static_cast<std::size_t>(i)] * fade);
  }
  for (std::size_t w = 0; w < words.size(); ++w)
    out.words.push_back({words[w], std::llround((speech.words[w].start_s - from_s) * rate),
                         std::llround((speech.words[w].end_s - from_s) * rate)});
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
