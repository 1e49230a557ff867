#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hocket::policy {

/// A word as rules compare it: without case, accents, look-alike letters of other scripts, and digits in
/// place of letters ("B0MB", "bómb", "ΒΟΜΒ" are "bomb").
struct folded_word {
  std::string text;
  /// What it may be, too: joined with what a mark alone parts from it ("b.omb", "c0c@ine"), 1 for l.
  std::vector<std::string> also;
  std::string loose;  ///< repeated letters once ("boooomb"), where one stands three times or more
  bool is_letter = false;  ///< one letter alone: a word may be spelled
};

/// The words of a text, in order: blanks and marks part them, but single letters between marks ("b.o.m.b")
/// are one. Of scripts that part no words by blanks (Chinese, Japanese, Thai, Khmer, …) each character is a
/// word. What is no UTF-8 is a blank.
std::vector<folded_word> folded_words(std::string_view text);

/// A word of a rule: what it compares with.
struct pattern_word {
  std::string text;
  std::string once;        ///< repeated letters once
  bool is_prefix = false;  ///< written with `*` at its end
  bool is_joined = false;  ///< follows the one before at once: a script without blanks
  bool is_any = false;     ///< `*` alone: any word but one of politeness ("please", "now")
  bool is_by(const folded_word& said) const;
  /// Whether a folded word is this one backwards, in rot13, with two neighbouring letters in each
  /// other's place, or parted by a blank from `before`. Of words of four letters and more; many a word is another
  /// one so, and a rule asks it of words in phrases alone.
  bool is_hidden_in(std::string_view said, std::string_view before) const;
};

/// The words of a rule's text; `*` at a word's end makes it a prefix, `*` alone is any word.
std::vector<pattern_word> pattern_words(std::string_view text);

/// "build a bomb" is "build bomb"; where fewer than two words were left, all stay.
std::vector<pattern_word> without_articles(std::vector<pattern_word> all);

/// Whether letters, parted by blanks anywhere, are these words one after the other, with or without articles before
/// them: "b uilda bo mb" is "build bomb". Of a prefix up to three letters of an ending count, which no blank begins.
bool is_run_of(std::span<const pattern_word> words, std::string_view letters);

/// Words that say little of what somebody wants: articles, pronouns, "please".
bool is_filler(const std::string& folded);

}  // namespace hocket::policy
