#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "graph/contract/value.hpp"

namespace hocket::gateway::edit {

/// Where an entry of a map stands in its text, in bytes; [begin, end) each.
struct entry_place {
  std::size_t key = 0;    ///< begin of the key
  std::size_t colon = 0;  ///< behind the colon
  std::size_t value = 0;  ///< begin of the value; where it has none, `colon`
  std::size_t end = 0;    ///< of the value, comments behind it left out
  bool has_value = false;
};

/// Finds what yaml-cpp does not tell: where values end. It takes no decision that could harm: whoever
/// changes a text by it parses the outcome and compares.
class places {
 public:
  explicit places(std::string_view text);

  /// `in_flow`: the map is written `{…}`.
  entry_place of(const value::entry& e, bool in_flow) const;
  /// Offset of a place that the parser told.
  std::size_t at(const source_mark& m) const;
  /// `{` or `[`, behind an anchor.
  bool is_flow(std::size_t value_begin) const;
  /// Behind the bracket that closes the one at `at`.
  std::size_t flow_end(std::size_t at) const;

  std::size_t line_begin(std::size_t at) const;
  std::size_t line_end(std::size_t at) const;  ///< of its line break, or the text's end
  /// Only blanks between the line's begin and `at`.
  bool is_first_of_line(std::size_t at) const;
  /// The next byte that is no blank, within the line.
  std::size_t skip_blanks(std::size_t at) const;
  /// … over line breaks and comments, too.
  std::size_t skip_space(std::size_t at) const;

 private:
  std::size_t quoted_end(std::size_t at) const;
  std::size_t plain_end(std::size_t at, bool in_flow) const;
  std::size_t node_end(std::size_t at) const;
  std::size_t block_end(const entry_place& e) const;
  std::size_t trimmed(std::size_t begin, std::size_t end) const;
  bool is_comment(std::size_t at) const;

  std::string_view text_;
  std::vector<std::size_t> lines_;
};

}  // namespace hocket::gateway::edit
