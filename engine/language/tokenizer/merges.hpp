#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hocket::language {

using token_id = std::int32_t;
constexpr token_id no_token = -1;

struct string_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
};
using token_map = std::unordered_map<std::string, token_id, string_hash, std::equal_to<>>;

/// Joins neighbours until no rule applies: byte-pair encoding.
///
/// With `rules`, a pair is joined by the rank it was learnt at (byte-level vocabularies, and
/// tokenizer.json); with `scores`, any neighbours whose texts make a token are, the highest score
/// first (SentencePiece). Ties go to the left. O(n log n). *Threads*: immutable once filled.
class merger {
 public:
  struct rule {
    std::int32_t rank;
    token_id joined;
  };
  static std::uint64_t pair_of(token_id left, token_id right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
  }

  std::unordered_map<std::uint64_t, rule> rules;
  std::vector<float> scores;  ///< per token; empty: rules decide
  token_map tokens;           ///< the tokens that text can become
  std::size_t longest = 0;    ///< bytes of the longest of them

  struct symbol {
    std::string_view text;
    token_id id;  ///< no_token for a character that is none
  };
  /// Cuts `piece` into characters (or bytes) and joins them.
  std::vector<symbol> merge(std::string_view piece, bool by_bytes) const;
};

}  // namespace hocket::language
