#pragma once

#include <string>
#include <string_view>

#include "actors/background/language/chat.hpp"

namespace hocket::background {

/// What shows the form where a graph gives no examples: requests for tools that are not there. They are
/// worded as no request of `hocket eval background` is, which would flatter its scores.
std::vector<chat_example> examples_of_the_form();

/// A turn as lines that a small model goes on with: what each tool does as a request for it, examples,
/// the request, what was called so far. Each text stands on one line, so that nothing in it begins a
/// line of ours. Ends where the model names a function ("Function:"), or where it answers ("Answer:").
std::string plain_prompt(const plain_turn& turn, bool may_call);

/// A further request behind a text that ended in an answer, up to "Function:".
std::string next_request(const plain_turn& turn);

/// A line that a model should have written behind "Function:": a call with what follows it ("Result:"),
/// or an answer.
std::string call_line(std::string_view tool, std::string_view arguments_json);
std::string result_line(std::string_view result);
std::string answer_line(std::string_view answer);

/// What it wrote there: a call, or an answer.
chat_reply plain_reply(std::string_view said, bool may_call);

/// Of an answer that is still written: what stands there for sure, from its beginning; no call, no name.
std::string_view plain_answer_so_far(std::string_view said, bool may_call);

/// Where what it wrote is not held to anything: these end it.
std::vector<std::string> plain_stops();

/// The lines of a graph's example:
///
///     what is the name of the cat
///     web.search {"query": "cat"}
///     > Our cat, http://pets/cat
///     minka
///
/// Errors: language.bad_config with the line.
result<chat_example> read_example(std::string_view lines);

}  // namespace hocket::background
