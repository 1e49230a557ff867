#include "tools/scenarios/voice_check.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/audio/dmel.hpp"
#include "engine/audio/speech_mel.hpp"
#include "engine/audio/wav.hpp"
#include "engine/text/vocabulary.hpp"
#include "graph/trust/files.hpp"
#include "tools/scenarios/seams.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::scenarios {
namespace {

using nlohmann::json;

double quantile(std::vector<double> x, double q) {
  if (x.empty()) return 0;
  const auto at = x.begin() + static_cast<std::ptrdiff_t>(double(x.size() - 1) * q);
  std::nth_element(x.begin(), at, x.end());
  return *at;
}

struct side {
  std::vector<double> border, inside;
  std::size_t clicks = 0;
  void add(const std::vector<float>& sound) {
    const level_steps steps = level_steps_of(sound, 0);
    border.insert(border.end(), steps.border_db.begin(), steps.border_db.end());
    inside.insert(inside.end(), steps.inside_db.begin(), steps.inside_db.end());
    clicks += clicks_in(sound);
  }
  json figures() const {
    return {{"border_steps_p95_db", quantile(border, 0.95)},
            {"inside_steps_p95_db", quantile(inside, 0.95)},
            {"clicks", clicks}};
  }
};

using clock = std::chrono::steady_clock;

std::vector<float> sounded(const phrase& what, engine::voice_sound& sound,
                           std::vector<double>& ms) {
  using format = engine::speech_format;
  std::vector<float> out;
  for (std::int64_t k = 0; k <= what.micro_turns(); ++k) {
    std::vector<float> patches(4 * format::patch_size, 0.0f), turn(engine::micro_turn_samples);
    std::vector<std::uint8_t> voice(4, 0);
    for (std::int64_t f = 0; f < 4 && k * 4 + f < what.frames(); ++f) {
      voice[static_cast<std::size_t>(f)] = 1;
      std::copy_n(what.patches.begin() + (k * 4 + f) * std::int64_t{format::patch_size},
                  format::patch_size, patches.begin() + f * std::int64_t{format::patch_size});
    }
    const auto begin = clock::now();
    sound.push(patches, voice, turn);
    ms.push_back(std::chrono::duration<double, std::milli>(clock::now() - begin).count());
    out.insert(out.end(), turn.begin(), turn.end());
  }
  return out;
}

}  // namespace

std::vector<std::string> checked_phrases() {
  std::vector<std::string> out;
  for (int n = 0; n <= 20; ++n) out.push_back("that is " + engine::words_of_number(n));
  for (int n = 4; n <= 100; n += 8) out.push_back("it is " + engine::words_of_number(n));
  for (const auto& e : small_talk()) out.push_back(e.model);
  for (const auto& e : sentences_about()) out.push_back(e.model);
  for (const auto& w : weather_words()) out.push_back("it is " + w);
  for (const auto& c : city_words()) out.push_back(c + " is " + weather_words()[c.size() % 6]);
  for (const auto& c : color_words()) out.push_back(c + " " + shape_words()[c.size() % 3]);
  for (const char* text : {"let me check", refusal, "it is five twenty one", "it is three oh six",
                           "mix it and bake it", "four seconds", "good story", "choose a color"})
    out.push_back(text);
  return out;
}

std::vector<float> vocoded(const phrase& what, engine::voice_sound sound) {
  std::vector<double> ignored;
  return sounded(what, sound, ignored);
}

result<json> write_voice_check(const std::string& folder, model_voice& voice,
                               std::shared_ptr<const engine::vocoder_weights> vocoder) {
  const std::filesystem::path at(folder);
  side teacher, through;
  std::vector<double> ms;
  json items = json::array();
  for (const std::string& text : checked_phrases()) {
    const phrase& what = voice.say_undecided(text);
    engine::voice_sound sound(vocoder);
    std::vector<float> ours = sounded(what, sound, ms), left = what.samples;
    left.resize(ours.size(), 0.0f);
    teacher.add(left), through.add(ours);
    std::vector<float> both;
    for (std::size_t i = 0; i < ours.size(); ++i) both.insert(both.end(), {left[i], ours[i]});
    std::string name = std::to_string(items.size());
    name.insert(0, name.size() < 3 ? 3 - name.size() : 0, '0');
    HOCKET_TRY(engine::write_wav((at / (name + ".wav")).string(), both, 2));
    items.push_back({{"file", name + ".wav"}, {"text", text}});
  }
  json figures{{"teacher", teacher.figures()},
               {"vocoded", through.figures()},
               {"vocoder", vocoder ? "learnt" : "plain"},
               {"vocoder_ms_p50", quantile(ms, 0.5)},
               {"vocoder_ms_p99", quantile(ms, 0.99)},
               {"phrases", items.size()}};
  json all = figures;
  all["items"] = std::move(items);
  HOCKET_TRY(trust::write_file((at / "phrases.json").string(), all.dump(1) + "\n"));
  return figures;
}

}  // namespace hocket::scenarios
