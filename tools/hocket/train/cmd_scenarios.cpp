#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/hocket/say.hpp"
#include "tools/hocket/train/commands.hpp"
#include "tools/scenarios/files.hpp"
#include "tools/scenarios/voice_check.hpp"
#include "tools/scenarios/voice_texts.hpp"

namespace hocket::cli {
namespace {

constexpr std::uint64_t demo_seed = 1;

int tell(const error& e) {
  return cli::tell(e, e.code == "scenarios.family" ? exit_bad_input : exit_failed);
}

int write_demo(const scenarios_options& o) {
  const auto made = scenarios::make_main_job(o.seed == 0 ? demo_seed : o.seed);
  if (!made) return tell(made.error());
  if (auto done = scenarios::write_conversation(o.out, *made); !done) return tell(done.error());
  const std::filesystem::path folder(o.out);
  std::error_code failed;
  std::filesystem::rename(folder / "input.wav", folder / "demo.wav", failed);
  if (failed) return tell({"scenarios.file", "cannot write " + (folder / "demo.wav").string()});
  const double seconds = static_cast<double>(made->person_audio.size()) / 16000.0;
  if (o.json) {
    say("{}\n", scenarios::metadata_of(*made).dump());
  } else {
    say("{}/demo.wav: {:.1f} s by {}, {} episodes, {} expected words\n", o.out, seconds,
        made->speaker.voice, made->episodes.size(), made->model_words.size());
  }
  return exit_fine;
}

int print_texts(const scenarios_options& o) {
  const auto texts = scenarios::voice_texts();
  if (o.json) say("{}\n", nlohmann::json(texts).dump());
  for (const auto& text : texts)
    if (!o.json) say("{}\n", text);
  return exit_fine;
}

/// The voice that is asked for; null: flite's.
result<std::shared_ptr<scenarios::model_voice>> voice_of(const scenarios_options& o) {
  if (o.voice.empty()) return std::shared_ptr<scenarios::model_voice>();
  return scenarios::model_voice::open(o.voice);
}

int write_phrases(const scenarios_options& o) {
  const auto voice = voice_of(o);
  if (!voice) return tell(voice.error());
  std::shared_ptr<const engine::vocoder_weights> vocoder;
  if (!o.vocoder.empty()) {
    auto opened = engine::vocoder_weights::open(o.vocoder);
    if (!opened) return tell(opened.error());
    vocoder = std::move(*opened);
  }
  const auto figures = scenarios::write_voice_check(
      o.out, *voice ? **voice : scenarios::model_voice::shared(), vocoder);
  if (!figures) return tell(figures.error());
  say("{}\n", figures->dump(o.json ? -1 : 1));
  if (!o.json) say("{}/phrases.json; tools/duplex/judge/judge.py {} judges them\n", o.out, o.out);
  return exit_fine;
}

}  // namespace

int run_scenarios(const scenarios_options& o) {
  if (o.texts) return print_texts(o);
  if (o.phrases) return write_phrases(o);
  if (o.split != "train" && o.split != "heldout") {
    say(stderr, "error: --split {}: choose train or heldout [scenarios.split]\n", o.split);
    return exit_bad_input;
  }
  if (o.count < 1) {
    say(stderr, "error: --count {}: must be at least 1 [scenarios.count]\n", o.count);
    return exit_bad_input;
  }
  if (o.demo) return write_demo(o);
  scenarios::source_options options;
  options.seed = o.seed;
  options.which = o.split == "train" ? scenarios::split::train : scenarios::split::heldout;
  options.families = o.families;
  if (o.rich) options.sound = scenarios::variety::rich;
  options.field = o.field;
  auto voice = voice_of(o);
  if (!voice) return tell(voice.error());
  options.voice = std::move(*voice);
  if (!o.bank.empty()) {
    auto bank = scenarios::speech_bank::open(o.bank, options.which,
                                             options.voice ? options.voice->name() : "");
    if (!bank) return tell(bank.error());
    options.bank = std::move(*bank);
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto index = scenarios::write_scenarios(o.out, options, o.count);
  if (!index) return tell(index.error());
  const double took_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (o.json)
    say("{}\n", index->dump());
  else
    say("{} conversations in {} ({}, {:.0f} times real time), see index.json\n", o.count, o.out,
        o.split, static_cast<double>(o.count) * options.seconds / took_s);
  return exit_fine;
}

}  // namespace hocket::cli
