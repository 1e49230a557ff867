#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hocket::policy {

/// A word as rules compare it: without case, marks, look-alike letters of other scripts, digits in place
/// of letters, and marks inside ("B0MB", "bómb", "b.omb" are "bomb").
struct folded_word {
  std::string text;
  std::string
      loose;  ///< repeated letters once ("boooomb"), where some letter stands three times or more
  bool is_letter = false;  ///< one letter alone: a word may be spelled
};

/// The words of a text, in order. What is no UTF-8 separates words.
std::vector<folded_word> folded_words(std::string_view text);

/// A word of a rule: what it compares with.
struct pattern_word {
  std::string text;
  std::string once;        ///< repeated letters once
  bool is_prefix = false;  ///< written with `*` at its end
  bool is_by(const folded_word& said) const;
};

/// The words of a rule's text; `*` at a word's end makes it a prefix.
std::vector<pattern_word> pattern_words(std::string_view text);

/// "build a bomb" is "build bomb"; where fewer than two words that say something were left, all stay.
std::vector<pattern_word> without_fillers(std::vector<pattern_word> all);

/// Words that say little of what somebody wants: articles, pronouns, "please".
bool is_filler(const std::string& folded);

}  // namespace hocket::policy
