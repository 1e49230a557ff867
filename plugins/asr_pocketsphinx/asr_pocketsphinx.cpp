#include "plugins/asr_pocketsphinx/asr_pocketsphinx.hpp"

#include "graph/contract/plugin.hpp"

namespace hocket::asr_pocketsphinx {
namespace {
constexpr std::int32_t rate_hz = 16000;
constexpr std::int64_t shortest = rate_hz / 10;  // shorter than any word
}  // namespace

void asr::config::visit(config_visitor& v) {
  v.field({.name = "grammar",
           .doc = "JSGF grammar of what is said; or `language_model`",
           .is_path = true},
          options.grammar);
  v.field({.name = "language_model", .doc = "n-gram model, ARPA text", .is_path = true},
          options.language_model);
  v.field({.name = "words",
           .doc = "pronunciations that go before the dictionary's: lines `word PH PH ...`",
           .is_path = true},
          options.words);
  v.field({.name = "acoustic_model",
           .doc = "folder; empty: the en-us model of the Debian package",
           .is_path = true},
          options.acoustic_model);
  v.field({.name = "dictionary",
           .doc = "pronunciations; empty: the package's cmudict",
           .is_path = true},
          options.dictionary);
}

component_info asr::info() {
  return {.type = "asr.pocketsphinx",
          .summary = "Writes down utterances with PocketSphinx and a grammar of the domain.",
          .inputs = {{"segments",
                      {.kind = payload_kind::audio, .rate_hz = rate_hz, .channels = 1},
                      "one chunk per utterance",
                      true,
                      default_queue(payload_kind::audio)}},
          .outputs = {{"text", {.kind = payload_kind::text}, "its words, role `heard`"}},
          .blocking = true,
          .latency_ms = 60};
}

result<void> asr::open(const context& where) {
  context_ = where;
  auto made = recognizer::open(config_.options);
  if (!made) return fail(made);
  recognizer_ = std::move(*made);
  return {};
}

result<void> asr::process(std::size_t, const packet& p, emitter& out) {
  const auto* audio = p.get_if<audio_chunk>();
  if (!audio) return {};
  if (audio->frames() < shortest) {
    context_.count("too_short", 1);
    return {};
  }
  auto words = recognizer_->recognize(audio->samples.as<float>());
  if (!words) return fail(words);
  context_.count("utterances", 1);
  if (words->empty()) {
    context_.count("not_understood", 1);
    return {};
  }
  const auto end = timestamp::of_samples(audio->first_sample + audio->frames(), rate_hz);
  out.emit(0, end, text{std::move(*words), "heard"});
  return {};
}

result<void> asr::close(emitter&) {
  recognizer_.reset();
  return {};
}

}  // namespace hocket::asr_pocketsphinx

HOCKET_PLUGIN(asr_pocketsphinx) {
  return into.add(hocket::type_of<hocket::asr_pocketsphinx::asr>());
}
