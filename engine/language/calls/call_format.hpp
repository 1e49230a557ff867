// How the families write tool calls.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/language/constraint/grammar.hpp"
#include "engine/language/tokenizer/tokenizer.hpp"
#include "graph/core/result.hpp"

namespace hocket::language {

/// One way of writing calls: what stands around a name and its arguments. Names of control tokens in
/// these texts stand for the tokens.
struct call_format {
  const char* name;        ///< "hermes", "mistral", ...
  const char* told_by;     ///< what only the templates of these families hold; "": none does
  const char* begin;       ///< before the first call
  const char* open;        ///< before a name
  const char* after_name;  ///< between a name and its arguments, an object
  const char* close;       ///< behind the arguments
  const char* between;     ///< between two calls; null: there is one call only
  const char* end;         ///< behind the last call
  const char* mark;        ///< what begins a call in an answer; "": an answer that begins with `{`
  const char* mark_end;    ///< what ends it; "": the answer's end
};
const std::vector<call_format>& call_formats();
/// The one that a chat template's text speaks of; Hermes' (`<tool_call>` around JSON), which most
/// families have, where it speaks of none that is known.
const call_format& format_of(std::string_view template_source);

enum class call_choice { optional, required };

/// An answer with calls of these tools: any text, then calls, or either alone (`optional`); calls alone
/// (`required`). Names are those of the tools, arguments satisfy their schemas. `tools`: function
/// definitions as a template takes them (`{"type": "function", "function": {"name", "parameters"}}`,
/// or the inner object alone).
/// *Errors*: calls.bad_tools, those of add_json with the tool's name.
result<std::shared_ptr<const grammar>> grammar_of_calls(const call_format& format,
                                                        const nlohmann::ordered_json& tools,
                                                        call_choice choice,
                                                        const tokenizer& tokens);

}  // namespace hocket::language
