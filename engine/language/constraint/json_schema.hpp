// A JSON Schema as a grammar of the texts that satisfy it.
#pragma once

#include <memory>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "engine/language/constraint/grammar.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

/// Adds the JSON texts of `schema` (drafts 4 to 2020-12) to a grammar: every text that the grammar
/// allows satisfies the schema. It does not allow every such text: keys come in the order of
/// `properties`, a blank may follow `:` and `,` only, integers have no fraction, numbers at most 15
/// digits before and after the point; keys that are not named come only where the schema asks for
/// them or names none. A schema without `type` is taken for the types that its keywords speak of.
///
/// *Errors*: constraint.unsupported with the place and the keyword (`not`, `if`, `contains`,
/// `unevaluated…`, `uniqueItems` of what cannot be listed, `oneOf` whose choices may overlap, references
/// outside of the schema, …), constraint.bad_schema, constraint.bad_pattern, constraint.too_large,
/// constraint.empty.
result<int> add_json(grammar_builder& into, const nlohmann::ordered_json& schema, int next);

/// The same as a whole grammar.
result<std::shared_ptr<const grammar>> grammar_of_schema(const nlohmann::ordered_json& schema);
/// Texts that match the expression as a whole; see text_set::of_pattern.
result<std::shared_ptr<const grammar>> grammar_of_pattern(std::string_view pattern);

}  // namespace hocket::language
