// Parts of json_schema.cpp: schemas without references and combinations; numbers and formats as
// patterns.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/language/constraint/text_set.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

using schema_json = nlohmann::ordered_json;

/// A schema as a choice of schemas without `$ref`, `allOf`, `anyOf`, `oneOf`, `const` (it is an `enum`
/// of one) and `dependentRequired`. Patterns and formats of several are lists under `pattern` and
/// `format`. `true` and `{}` give one empty object, `false` gives no choice.
/// *Errors*: as add_json; `place` begins messages.
class schema_reader {
 public:
  explicit schema_reader(const schema_json& root) : root_(root) {}
  const schema_json& root() const { return root_; }
  result<std::vector<schema_json>> choices(const schema_json& schema, const std::string& place,
                                           int depth = 0) const;

 private:
  result<schema_json> referred(const std::string& reference, const std::string& place) const;
  result<std::vector<schema_json>> combined(const schema_json& schema, const char* key,
                                            const std::string& place, int depth) const;
  const schema_json& root_;
};

/// Both at once. *Errors*: constraint.unsupported where two keywords cannot be joined.
result<schema_json> merged(const schema_json& a, const schema_json& b, const std::string& place);
/// True where no value satisfies both.
bool disjoint(const schema_json& a, const schema_json& b);
/// The types that a flat schema allows, "integer" beside "number".
std::vector<std::string> types_of(const schema_json& flat);

/// Bounds of a number, as decimal texts such as "-12.5".
struct number_bounds {
  std::optional<std::string> least, most;
  bool above_least = false, below_most = false;  ///< the bound itself is outside
};
/// Expressions that a number's text must match, all of them, as whole texts.
std::vector<std::string> patterns_of(const number_bounds& bounds, bool integer);
/// A JSON number as a decimal text without exponent; none where it has over 15 digits.
std::optional<std::string> decimal_text(const schema_json& number);

/// The texts of a flat schema's strings (none: any text will do) and numbers.
result<std::optional<text_set>> string_texts(const schema_json& flat, const std::string& place);
result<text_set> number_texts(const schema_json& flat, bool integer, const std::string& place);

/// A whole number of a keyword, from 0 on. *Errors*: constraint.bad_schema.
result<std::optional<std::size_t>> schema_size(const schema_json& s, const char* key,
                                               const std::string& place);
tl::unexpected<error> schema_unsupported(const std::string& place, const std::string& what);
tl::unexpected<error> schema_bad(const std::string& place, const std::string& what);
/// A key as it may stand in a message.
std::string schema_key(const std::string& key);

/// The expression of a `format` (whole text); "" for one that is not judged.
std::string pattern_of_format(const std::string& format);

}  // namespace hocket::language
