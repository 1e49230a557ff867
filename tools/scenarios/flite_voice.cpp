#include "tools/scenarios/flite_voice.hpp"

#include <utility>

#include "plugins/tts_flite/synthesis.hpp"

namespace hocket::scenarios {

flite_speech flite_say(const std::string& voice, const std::string& text, double stretch,
                       double pitch) {
  tts_flite::synthesis said;
  if (tts_flite::synthesise(voice, text, stretch, pitch, said) != tts_flite::synthesis_end::fine)
    return {};
  flite_speech out;
  out.samples = std::move(said.samples);
  for (const auto& w : said.words) out.words.push_back({w.begin_s, w.end_s});
  return out;
}

}  // namespace hocket::scenarios
