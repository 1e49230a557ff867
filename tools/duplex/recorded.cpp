#include "tools/duplex/recorded.hpp"

#include <filesystem>
#include <fstream>

#include "engine/audio/resample.hpp"
#include "engine/audio/wav.hpp"
#include "engine/text/vocabulary.hpp"
#include "tools/duplex/set_files.hpp"
#include "tools/duplex/voice.hpp"

namespace hocket::duplex {
namespace {

namespace fs = std::filesystem;

fs::path recording_of(const fs::path& folder, const item_spec& spec) {
  const auto beside = folder / folder_of(spec) / "output.wav";
  return fs::exists(beside) ? beside : folder / (spec.key() + ".wav");
}

result<std::vector<float>> model_side(const fs::path& path, std::size_t samples) {
  auto wav = engine::read_wav(path.string());
  if (!wav) return fail(wav);
  const auto channels = static_cast<std::size_t>(wav->channels);
  std::vector<float> sound;
  for (std::size_t i = channels - 1; i < wav->samples.size(); i += channels)
    sound.push_back(wav->samples[i]);
  if (wav->rate_hz != rate_hz) {
    auto changed = engine::resample(sound, wav->rate_hz, double(rate_hz));
    if (!changed) return fail(changed);
    sound = std::move(*changed);
  }
  sound.resize(samples);
  return sound;
}

bool read_words(const fs::path& path, timeline& into) {
  std::ifstream in(path);
  if (!in) return false;
  const auto j = nlohmann::json::parse(in, nullptr, false);
  if (!j.is_object() || !j.contains("chunks")) return false;
  for (const auto& c : j["chunks"]) {
    const auto time = c.value("timestamp", nlohmann::json());
    if (!time.is_array() || time.empty() || !time[0].is_number()) continue;
    for (const auto& word : engine::words_of(c.value("text", "")))
      into.words.push_back({time[0].get<double>(), word});
  }
  return true;
}

}  // namespace

result<std::vector<played_item>> read_recorded(const std::string& folder, std::uint64_t seed,
                                               const std::vector<item_spec>& specs,
                                               std::vector<std::string>& missing) {
  std::vector<played_item> out;
  for (const auto& spec : specs) {
    const auto path = recording_of(folder, spec);
    if (!fs::exists(path)) {
      missing.push_back(spec.key());
      continue;
    }
    auto made = make_item(seed, spec);
    if (!made) return fail(made);
    auto sound = model_side(path, made->input.size());
    if (!sound) return fail(sound);
    played_item one;
    one.did.length_s = made->length_s();
    one.did.has_tools = false;
    one.did.speech = segments_of(*sound);
    one.did.person_db = levels_of(made->input);
    one.did.model_db = levels_of(*sound);
    auto words = path;
    one.did.has_words = read_words(words.replace_extension(".json"), one.did);
    one.of = std::move(*made);
    if (const auto voice = voice_around(one.of, *sound, one.did)) one.did.voice = values_of(*voice);
    one.of.input.clear();
    one.of.clean_input.clear();
    one.of.frames.clear();
    one.judged = score(one.of, one.did);
    out.push_back(std::move(one));
  }
  if (out.empty())
    return fail("duplex.file", folder + " has no recording of this test set: expected `" +
                                   folder_of(specs.front()) + "/output.wav` or `" +
                                   specs.front().key() + ".wav`");
  return out;
}

}  // namespace hocket::duplex
