#include "tools/scenarios/files.hpp"

#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/audio/wav.hpp"
#include "graph/trust/files.hpp"

namespace hocket::scenarios {
namespace {

using nlohmann::json;

result<void> write_json(const std::filesystem::path& path, const json& value) {
  const auto done = trust::write_file(path.string(), value.dump(1) + "\n");
  return done ? done : fail("scenarios.file", "cannot write " + done.error().message);
}

json count_words(std::map<std::string, int>& counts) {
  json out = json::object();
  for (const auto& [word, n] : counts) out[word] = n;
  return out;
}

}  // namespace

json metadata_of(const conversation& made) {
  json out;
  out["seed"] = made.seed;
  out["rate_hz"] = 16000;
  out["micro_turns"] = made.micro_turns;
  out["person"] = {{"voice", made.speaker.voice}, {"rate_wpm", made.speaker.rate_wpm},
                   {"pitch", made.speaker.pitch}, {"gain_db", made.speaker.gain_db},
                   {"warp", made.speaker.warp},   {"tilt", made.speaker.tilt}};
  out["noise_dbfs"] = std::isfinite(made.noise_dbfs) ? json(made.noise_dbfs) : json(nullptr);
  out["episodes"] = json::array();
  for (const episode& e : made.episodes)
    out["episodes"].push_back(
        {{"family", e.family}, {"what", e.what}, {"start", e.start}, {"end", e.end}});
  out["person_words"] = json::array();
  for (const heard_word& w : made.person_words)
    out["person_words"].push_back(
        {{"word", w.word}, {"start", w.start}, {"end", w.end}, {"labelled", w.labelled}});
  out["model_words"] = json::array();
  for (const expected_word& w : made.model_words)
    out["model_words"].push_back({{"word", w.word},
                                  {"micro_turn", w.micro_turn},
                                  {"start", w.start},
                                  {"end", w.end},
                                  {"spoken", w.spoken},
                                  {"episode", w.episode}});
  out["delegations"] = json::array();
  for (const delegation& d : made.delegations)
    out["delegations"].push_back({{"task", d.task},
                                  {"result", d.result},
                                  {"asked_micro_turn", d.asked},
                                  {"answered_micro_turn", d.answered}});
  return out;
}

result<void> write_conversation(const std::string& folder, const conversation& made) {
  const std::filesystem::path at(folder);
  HOCKET_TRY(engine::write_wav((at / "input.wav").string(), made.person_audio, 1));
  std::vector<float> both(made.model_audio.size() * 2, 0.0f);
  for (std::size_t i = 0; i < made.model_audio.size(); ++i) {
    if (i < made.person_audio.size()) both[2 * i] = made.person_audio[i];
    both[2 * i + 1] = made.model_audio[i];
  }
  HOCKET_TRY(engine::write_wav((at / "expected.wav").string(), both, 2));
  return write_json(at / "metadata.json", metadata_of(made));
}

result<json> write_scenarios(const std::string& folder, const source_options& options,
                             std::int64_t count) {
  std::map<std::string, int> families, voices, person_words, model_words;
  json items = json::array();
  for (std::int64_t i = 0; i < count; ++i) {
    auto made = make_conversation(options, static_cast<std::uint64_t>(i));
    if (!made) return fail(made);
    std::string name = std::to_string(i);
    name.insert(0, name.size() < 6 ? 6 - name.size() : 0, '0');
    HOCKET_TRY(write_conversation((std::filesystem::path(folder) / name).string(), *made));
    for (const episode& e : made->episodes) ++families[e.family];
    for (const heard_word& w : made->person_words) ++person_words[w.word];
    for (const expected_word& w : made->model_words) ++model_words[w.word];
    ++voices[made->speaker.voice];
    items.push_back({{"folder", name},
                     {"index", i},
                     {"seed", made->seed},
                     {"voice", made->speaker.voice},
                     {"families", made->example.family},
                     {"micro_turns", made->micro_turns}});
  }
  json index{{"seed", options.seed},
             {"split", options.which == split::train ? "train" : "heldout"},
             {"seconds", options.seconds},
             {"count", count},
             {"families", count_words(families)},
             {"voices", count_words(voices)},
             {"person_words", count_words(person_words)},
             {"model_words", count_words(model_words)},
             {"items", items}};
  HOCKET_TRY(write_json(std::filesystem::path(folder) / "index.json", index));
  return index;
}

}  // namespace hocket::scenarios
