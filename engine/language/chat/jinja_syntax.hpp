// From a template's text to a tree. Internal header of chat/.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/language/chat/jinja_value.hpp"

namespace hocket::language::jinja {

enum class kind {
  // statements
  block,
  text,
  print,
  if_,
  for_,
  set,
  set_block,
  macro,
  filter_block,
  break_,
  continue_,
  // expressions
  constant,
  name,
  list_,
  tuple_,
  dict_,
  attribute,
  item,
  slice,
  call,
  filter,
  test,
  unary,
  binary,
  conditional,
  keyword,
};

struct node {
  kind what = kind::block;
  int line = 0;
  std::string name;  ///< of a variable, filter, operator, text
  value constant;
  bool negated = false;
  std::vector<std::shared_ptr<node>> parts;  ///< operands, arguments; null where left out
  std::vector<std::shared_ptr<node>> body;   ///< statements
  std::vector<std::shared_ptr<node>> other;  ///< of else
};
using node_ptr = std::shared_ptr<node>;

enum class token_type { text, name, string, number, symbol, open, close, begin, end, finish };
struct token {
  token_type type = token_type::finish;
  std::string text;
  int line = 1;
  value constant;
};

/// Cuts a template into tokens, with trim_blocks and lstrip_blocks. Throws `failure`.
std::vector<token> tokens_of(std::string_view source);
/// Throws `failure`.
node_ptr parse(std::string_view source);

}  // namespace hocket::language::jinja
