// A regular expression's parts; internal to pattern.cpp.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "engine/language/constraint/text_set.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

struct term;
using term_ptr = std::shared_ptr<const term>;
struct term {
  enum class kind { set, sequence, choice, repeat, begin, end } what = kind::sequence;
  char_set set;
  std::vector<term_ptr> parts;
  int least = 0, most = 0;  ///< of repeat; most -1: without end
};

/// *Errors*: as text_set::of_pattern.
result<term_ptr> parse_pattern(std::u32string_view pattern);

}  // namespace hocket::language
