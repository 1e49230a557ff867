// Sets of texts as deterministic automata over code points: patterns, lengths, their cuts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::language {

/// Code points as sorted ranges that neither touch nor overlap; never surrogates.
class char_set {
 public:
  struct range {
    char32_t first, last;  ///< both belong to it
    bool operator==(const range&) const = default;
    auto operator<=>(const range&) const = default;
  };
  static char_set all();
  static char_set of(std::vector<range> ranges);
  char_set without(const char_set& other) const;
  char_set common(const char_set& other) const;
  bool has(char32_t c) const;
  const std::vector<range>& ranges() const { return ranges_; }
  bool empty() const { return ranges_.empty(); }
  bool operator==(const char_set&) const = default;

 private:
  std::vector<range> ranges_;
};

/// A regular set of texts.
struct text_set {
  struct edge {
    char_set on;
    int to;
  };
  struct state {
    std::vector<edge> edges;  ///< disjoint; a character on none of them leads nowhere
    bool accepts = false;
  };
  std::vector<state> states;  ///< the first is where a text begins

  bool has(std::string_view text) const;  ///< well-formed UTF-8
  bool empty() const;                     ///< no text at all; true only after `common`, `others`

  /// Largest automaton that is built.
  static constexpr std::size_t max_states = 20000;

  static text_set all();
  /// Texts of so many code points.
  static result<text_set> of_length(std::size_t least, std::optional<std::size_t> most);
  static text_set of_texts(const std::vector<std::string>& texts);
  /// ECMA 262's expressions without look-around, back references and `\b`, which are refused by name.
  /// `anywhere`: texts that hold a match (JSON Schema's `pattern`), else those that are one.
  /// *Errors*: constraint.bad_pattern (with the position), constraint.unsupported,
  /// constraint.too_large.
  static result<text_set> of_pattern(std::string_view pattern, bool anywhere);
};

/// Texts of both. *Errors*: constraint.too_large.
result<text_set> common(const text_set& a, const text_set& b);
/// All texts that are not in it.
text_set others(const text_set& a);

}  // namespace hocket::language
