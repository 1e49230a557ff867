// Words, one token each, other words spelt letter by letter, and numbers in words.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::engine {

/// Vocabulary of an interaction model: known words are one token each; a vocabulary that lists the
/// letter pieces `##a` to `##z` and `##` also takes any other text, spelt: `##r ##e ##x`. `##` alone
/// parts two spelt words. Ids are positions in the list; the first four are
/// fixed: `<pad>` = 0 means nothing (silence), `<unk>`, `<delegate>`, `<end>`.
/// *Threads*: immutable after construction.
class vocabulary {
 public:
  static constexpr std::int32_t pad = 0;
  static constexpr std::int32_t unknown = 1;
  static constexpr std::int32_t delegate = 2;
  static constexpr std::int32_t end = 3;

  /// The four fixed tokens alone.
  vocabulary();
  /// The fixed tokens followed by `words`, without repeats.
  explicit vocabulary(std::span<const std::string> words);

  /// From a JSON list of tokens, as `to_json` writes. *Errors*: `text.vocabulary` when it is no
  /// list of distinct strings that begins with the fixed tokens.
  static result<vocabulary> from_json(std::string_view json);
  static result<vocabulary> load(const std::string& path);
  std::string to_json() const;
  result<void> save(const std::string& path) const;

  std::size_t size() const { return tokens_.size(); }
  const std::vector<std::string>& tokens() const { return tokens_; }
  bool contains(std::string_view word) const;
  /// `unknown` for a word that is not in the list.
  std::int32_t id_of(std::string_view word) const;
  /// True when words outside the list can be spelt.
  bool spells() const { return spells_; }
  /// The token of a known word; the letters of another, figures in words, or `<unk>` when this
  /// vocabulary cannot spell or nothing of the word can be spelt.
  std::vector<std::int32_t> pieces_of(std::string_view word) const;
  /// The letters of any word, known or not; empty when this vocabulary cannot spell.
  std::vector<std::int32_t> spelling_of(std::string_view word) const;
  /// `<unk>` for an id outside the list.
  const std::string& token_of(std::int32_t id) const;

  /// Words split at white space, lower-cased, punctuation at their ends dropped; each as pieces_of.
  std::vector<std::int32_t> encode(std::string_view text) const;
  /// Tokens joined by blanks, spelt words put together; `<pad>` is left out.
  std::string decode(std::span<const std::int32_t> ids) const;

 private:
  void add(std::string token);
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, std::int32_t> ids_;
  bool spells_ = false;
};

/// `##a` .. `##z` and `##`: what a vocabulary needs for spelling.
const std::vector<std::string>& letter_pieces();
/// The letter of a piece ("d" for `##d`); empty for every other token, `##` included.
std::string_view letter_of(std::string_view token);

/// Words of a text as `vocabulary::encode` sees them.
std::vector<std::string> words_of(std::string_view text);

/// "fifty six" for 56; 0 to 999, digits beyond ("one hundred twenty"); a minus sign reads "minus".
std::string words_of_number(int value);
/// The inverse for 0 to 999; -1 when the words are no number.
int number_of_words(std::string_view words);

}  // namespace hocket::engine
