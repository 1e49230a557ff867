#include "plugins/asr_pocketsphinx/recognizer.hpp"

#include <pocketsphinx.h>
#include <sphinxbase/err.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

namespace hocket::asr_pocketsphinx {
namespace {

using pronunciations = std::map<std::string, std::vector<std::string>>;

result<std::string> text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in || std::filesystem::is_directory(path))
    return fail("asr.no_file", path + " cannot be read");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Lines `word PH PH ...`; further pronunciations are written `word(2)`. Only of `wanted`.
result<void> read_dictionary(const std::string& path, const std::vector<std::string>& wanted,
                             pronunciations& into) {
  const auto text = text_of(path);
  if (!text) return fail(text);
  pronunciations found;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(";;;")) continue;
    const auto space = line.find_first_of(" \t");
    if (space == line.npos) continue;
    const std::string word = line.substr(0, std::min(space, line.find('(')));
    if (!std::ranges::binary_search(wanted, word) || into.contains(word)) continue;
    const auto phones = line.find_first_not_of(" \t", space);
    const auto end = line.find_last_not_of(" \t\r");
    if (phones != line.npos) found[word].push_back(line.substr(phones, end - phones + 1));
  }
  into.merge(found);
  return {};
}

result<pronunciations> pronounce(const std::vector<std::string>& wanted,
                                 const recognizer_options& o) {
  pronunciations known;
  if (!o.words.empty()) HOCKET_TRY(read_dictionary(o.words, wanted, known));
  if (known.size() < wanted.size()) HOCKET_TRY(read_dictionary(o.dictionary, wanted, known));
  std::string missing;
  for (const auto& word : wanted)
    if (!known.contains(word)) missing += (missing.empty() ? "" : ", ") + word;
  if (!missing.empty())
    return fail("asr.unknown_words", "no pronunciation of: " + missing + "; add them to " +
                                         (o.words.empty() ? "a file `words`" : o.words));
  return known;
}

}  // namespace

struct recognizer::decoder {
  cmd_ln_t* config = nullptr;
  ps_decoder_t* search = nullptr;
  ~decoder() {
    if (search) ps_free(search);
    if (config) cmd_ln_free_r(config);
  }
};

recognizer::~recognizer() = default;

result<std::unique_ptr<recognizer>> recognizer::open(const recognizer_options& options) {
  recognizer_options o = options;
  if (o.acoustic_model.empty()) o.acoustic_model = HOCKET_POCKETSPHINX_MODELS "/en-us";
  if (o.dictionary.empty()) o.dictionary = HOCKET_POCKETSPHINX_MODELS "/cmudict-en-us.dict";
  if (o.grammar.empty() == o.language_model.empty())
    return fail("asr.no_language", "needs either `grammar` or `language_model`");
  const auto& path = o.grammar.empty() ? o.language_model : o.grammar;
  const auto text = text_of(path);
  if (!text) return fail(text);
  const auto wanted = o.grammar.empty() ? words_of_arpa(*text) : words_of_grammar(*text);
  if (wanted.empty()) return fail("asr.cannot_load", path + " holds no words");
  // The library ends the process where its model is missing, so look first.
  if (!std::filesystem::exists(o.acoustic_model + "/mdef"))
    return fail("asr.no_file",
                o.acoustic_model + " holds no acoustic model (package " + "pocketsphinx-en-us)");
  const auto known = pronounce(wanted, o);
  if (!known) return fail(known);

  std::unique_ptr<recognizer> made(new recognizer);
  made->decoder_ = std::make_unique<decoder>();
  made->vocabulary_size_ = wanted.size();
  auto& d = *made->decoder_;
  // Two that load at once, in two runs of a graph, refuse their grammars now and then.
  static std::mutex one_loads;
  const std::lock_guard loading(one_loads);
  err_set_logfp(nullptr);
  d.config = cmd_ln_init(nullptr, ps_args(), TRUE, "-hmm", o.acoustic_model.c_str(),
                         "-remove_silence", "no", "-cmn", "live", nullptr);
  d.search = d.config ? ps_init(d.config) : nullptr;
  if (!d.search) return fail("asr.cannot_load", "PocketSphinx refuses " + o.acoustic_model);
  for (const auto& [word, ways] : *known)
    for (std::size_t i = 0; i < ways.size(); ++i) {
      const auto name = i == 0 ? word : word + "(" + std::to_string(i + 1) + ")";
      if (ps_add_word(d.search, name.c_str(), ways[i].c_str(), FALSE) < 0)
        return fail("asr.bad_words",
                    "`" + word + " " + ways[i] + "`: no pronunciation in the phones of this model");
    }
  const int loaded = o.grammar.empty() ? ps_set_lm_file(d.search, "domain", path.c_str())
                                       : ps_set_jsgf_file(d.search, "domain", path.c_str());
  if (loaded != 0 || ps_set_search(d.search, "domain") != 0)
    return fail("asr.cannot_load", "PocketSphinx refuses " + path);
  return made;
}

result<std::string> recognizer::recognize(std::span<const float> samples) {
  std::vector<int16> pcm;
  pcm.reserve(samples.size());
  for (const float s : samples)
    pcm.push_back(static_cast<int16>(std::clamp(s, -1.0f, 1.0f) * 32767.0f));
  auto* search = decoder_->search;
  if (ps_start_utt(search) < 0) return fail("asr.failed", "PocketSphinx cannot begin an utterance");
  const int taken = ps_process_raw(search, pcm.data(), pcm.size(), FALSE, FALSE);
  if (ps_end_utt(search) < 0 || taken < 0)
    return fail("asr.failed", "PocketSphinx cannot decode an utterance");
  std::int32_t score = 0;
  const char* words = ps_get_hyp(search, &score);
  return std::string(words ? words : "");
}

}  // namespace hocket::asr_pocketsphinx
