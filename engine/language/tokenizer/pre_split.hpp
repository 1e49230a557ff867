#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::language {

/// Cuts text where a family's pre-tokenizer does: token merges never cross a cut.
///
/// Each expression cuts every piece that the ones before it left, into its matches and what lies
/// between them. Expressions are those of the models' own `tokenizer.json` (Perl syntax, Unicode
/// properties). *Errors*: `tokenizer.expression` for one that does not compile;
/// `tokenizer.too_hard` for text on which one takes too many steps. *Threads*: any.
class pre_splitter {
 public:
  struct step {
    std::string expression;
    bool matches_only = false;  ///< what lies between the matches is dropped
  };

  pre_splitter();
  static result<pre_splitter> make(const std::vector<step>& steps);
  /// `text`: well-formed UTF-8; the pieces point into it.
  result<std::vector<std::string_view>> split(std::string_view text) const;

 private:
  struct compiled;
  std::vector<std::shared_ptr<const compiled>> steps_;
};

/// What a family does before it merges, by the name that GGUF's `tokenizer.ggml.pre` gives.
struct pre_tokenizer {
  std::vector<std::string> names;
  std::vector<std::string> expressions;
  bool whole_words = false;  ///< a piece that is a token is not taken apart
  bool adds_bos = false;     ///< where the file does not say
  bool composes = false;     ///< NFC first
};
/// *Errors* (`tokenizer.unsupported`): with the names that are supported.
result<pre_tokenizer> pre_tokenizer_named(std::string_view name);

}  // namespace hocket::language
