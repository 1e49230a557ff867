#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::asr_pocketsphinx {

struct recognizer_options {
  std::string grammar = {};         ///< JSGF file; or
  std::string language_model = {};  ///< ARPA or binary n-gram file
  std::string words = {};           ///< dictionary of what the package's lacks, or empty
  std::string acoustic_model = {};  ///< folder; empty: the package's en-us
  std::string dictionary = {};      ///< empty: the package's cmudict
};

/// PocketSphinx behind a plain class: whole utterances in, words out.
///
/// Only words of the grammar or language model are loaded, each with all its pronunciations: first
/// from `words`, else from `dictionary`.
/// Errors: asr.no_file, asr.no_language (neither or both of grammar and language model),
/// asr.unknown_words (the words without a pronunciation are named), asr.bad_words,
/// asr.cannot_load, asr.failed.
/// Threads: one at a time per instance. What it hears depends on what it heard before (the running
/// mean of its features), so one instance serves one conversation.
/// Memory: about 40 MB, the package's acoustic model.
class recognizer {
 public:
  static result<std::unique_ptr<recognizer>> open(const recognizer_options& options);
  ~recognizer();
  recognizer(const recognizer&) = delete;
  recognizer& operator=(const recognizer&) = delete;

  /// Words of one utterance, 16 kHz, lower case with single blanks; "" where nothing fits.
  result<std::string> recognize(std::span<const float> samples);
  /// Words that it can hear.
  std::size_t vocabulary_size() const { return vocabulary_size_; }

 private:
  struct decoder;
  recognizer() = default;
  std::unique_ptr<decoder> decoder_;
  std::size_t vocabulary_size_ = 0;
};

/// Words that a JSGF grammar can produce, sorted, each once.
std::vector<std::string> words_of_grammar(const std::string& jsgf);
/// Words of the unigrams of an ARPA file, without `<s>`, `</s>` and `<unk>`.
std::vector<std::string> words_of_arpa(const std::string& arpa);

}  // namespace hocket::asr_pocketsphinx
