// What may be said, as a machine over bytes and control tokens that calls its own rules.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/language/constraint/text_set.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

/// Nodes of the machine: a text is allowed where some way through them, rules entered and left in
/// turn, reads it whole.
struct grammar {
  enum class kind : std::uint8_t {
    bytes,   ///< reads one byte of sets[set], goes to `next`
    token,   ///< reads the control token `set`, goes to `next`
    split,   ///< goes to `next` and to `other` (where that is none: to `next` alone)
    call,    ///< goes to `other`; where that returns, to `next`
    finish,  ///< returns; at the outermost level the text may end here
  };
  struct node {
    kind what = kind::finish;
    int next = -1, other = -1;
    int set = -1;
  };
  std::vector<node> nodes;
  std::vector<std::bitset<256>> sets;
  int start = 0;
  /// Fewest bytes and tokens from a node to the return of its rule.
  std::vector<std::int32_t> distance;

  static constexpr std::size_t max_nodes = 400'000;
  static constexpr std::int32_t never = 1 << 28;
};

/// Builds a grammar from its end to its beginning: each part is told what comes next and gives the
/// node where it begins.
class grammar_builder {
 public:
  using part = std::function<int(int next)>;

  int finish();
  int byte(const std::bitset<256>& set, int next);
  int literal(std::string_view text, int next);
  int token(int id, int next);
  int choice(const std::vector<int>& starts);
  int optional(int start, int next) { return choice({start, next}); }
  /// `body` any number of times, then `next`.
  int star(const part& body, int next);
  int call(int rule, int next);
  /// A place that is filled in later, for rules that refer to themselves.
  int reserve();
  void fill(int place, int with);
  /// A rule of its own: `body` is given its end.
  int rule(const part& body);

  /// One character, in UTF-8.
  int character(const char_set& set, int next);
  /// One character as it stands in a JSON string.
  int json_character(const char_set& set, int next);
  /// A whole text, in UTF-8 or inside a JSON string.
  int text(const text_set& set, bool in_json, int next);

  /// *Errors*: constraint.too_large; constraint.empty where nothing can be said.
  result<std::shared_ptr<const grammar>> build(int start);

 private:
  int add(grammar::node n);
  int sequence(const std::vector<std::pair<std::uint8_t, std::uint8_t>>& bytes, int next);
  grammar g_;
  std::map<std::string, int> sets_;
  std::map<std::vector<char_set::range>, int> characters_, json_characters_;
  bool too_large_ = false;
};

}  // namespace hocket::language
