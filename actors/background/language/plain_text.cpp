#include "actors/background/language/plain_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/language/files/strict_json.hpp"
#include "graph/text/clean.hpp"

namespace hocket::background {
namespace {

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : clean_text(text)) {
    const bool blank = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (blank && (out.empty() || out.back() == ' ')) continue;
    out += blank ? ' ' : c;
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string call_lines(const made_call& c) {
  return "Function:" + call_line(c.tool, c.arguments_json) + result_line(c.result);
}

std::string example_lines(const chat_example& e) {
  auto out = fmt::format("Request: {}\n", one_line(e.request));
  for (const auto& c : e.calls) out += call_lines(c);
  return out + "Function:" + answer_line(e.answer) + "\n";
}

std::string request_lines(const plain_turn& turn) {
  std::string out;
  if (!turn.conversation.empty())
    out += fmt::format("Conversation: {}\n", one_line(turn.conversation));
  return out + fmt::format("Request: {}\n", one_line(turn.request));
}

}  // namespace

std::vector<chat_example> examples_of_the_form() {
  return {{"so long", {}, "goodbye"},
          {"I would love to hear my note about groceries",
           {{"read_note", R"({"title": "groceries"})", "milk and two lemons"}},
           "milk and two lemons"},
          {"is the kitchen locked? It should be",
           {{"lock_door", R"({"room": "kitchen"})", "done"}},
           "done"},
          {"Peter does not know yet that dinner is at 8",
           {{"tell_person", R"({"name": "Peter", "words": "dinner is at 8"})", "done"}},
           "done"},
          {"the garden needs 20 minutes of water; once it has had them, I want its gate open",
           {{"water_garden", R"({"minutes": 20})", "done"}, {"open_gate", "{}", "done"}},
           "done"}};
}

std::string plain_prompt(const plain_turn& turn, bool may_call) {
  std::string out;
  if (!turn.instructions.empty()) out = one_line(turn.instructions) + "\n\n";
  // Small models tell tools by requests that look alike far better than by a list of functions.
  for (const auto& [name, summary] : turn.tools)
    out += fmt::format("Request: {}\nFunction: {}\n\n",
                       one_line(summary.substr(0, std::min(summary.find('\n'), summary.size()))),
                       name);
  for (const auto& e : turn.examples.empty() ? examples_of_the_form() : turn.examples)
    out += example_lines(e);
  out += request_lines(turn);
  for (const auto& c : turn.so_far) out += call_lines(c);
  return out + (may_call ? "Function:" : "Function: none\nAnswer:");
}

std::string next_request(const plain_turn& turn) { return request_lines(turn) + "Function:"; }

std::string call_line(std::string_view tool, std::string_view arguments_json) {
  return fmt::format(" {}\nArguments: {}\n", tool, one_line(arguments_json));
}
std::string result_line(std::string_view result) {
  return fmt::format("Result: {}\n", one_line(result));
}
std::string answer_line(std::string_view answer) {
  return fmt::format(" none\nAnswer: {}\n", one_line(answer));
}

std::vector<std::string> plain_stops() { return {"\nResult:", "\nRequest:", "\n\n"}; }

std::string_view plain_answer_so_far(std::string_view said, bool may_call) {
  const auto skip = [&](std::string_view what) {
    said.remove_prefix(std::min(said.find_first_not_of(" \t\r\n"), said.size()));
    if (!said.starts_with(what)) return false;
    said.remove_prefix(what.size());
    return true;
  };
  if (may_call && !(skip("none") && skip("Answer:"))) return {};
  skip("");
  return said.substr(0, said.find('\n'));
}

chat_reply plain_reply(std::string_view said, bool may_call) {
  chat_reply out;
  said = trimmed(said);
  if (!may_call) {
    out.text = said.substr(0, said.find('\n'));
    return out;
  }
  const auto line = said.find('\n');
  const auto name = trimmed(said.substr(0, line));
  auto rest = line == said.npos ? std::string_view() : trimmed(said.substr(line));
  const auto after = [&](std::string_view mark) {
    if (!rest.starts_with(mark)) return false;
    rest = trimmed(rest.substr(mark.size()));
    rest = rest.substr(0, rest.find('\n'));
    return true;
  };
  if (name == "none") {
    if (after("Answer:")) out.text = rest;
  } else if (after("Arguments:")) {
    out.calls.push_back({std::string(name), std::string(rest)});
  } else {
    out.text = name;  // it spoke at once
  }
  return out;
}

result<chat_example> read_example(std::string_view lines) {
  chat_example out;
  const auto bad = [](std::string_view line, const char* why) {
    return fail("language.bad_config",
                fmt::format("`examples`: `{}`: {}", cut_text(std::string(line), 80), why));
  };
  std::string_view line;
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    line = trimmed(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (line.empty()) continue;
    if (out.request.empty()) {
      out.request = line;
    } else if (!out.answer.empty()) {
      return bad(line, "the answer before it is the last line");
    } else if (line.starts_with('>')) {
      if (out.calls.empty()) return bad(line, "a result follows its call");
      out.calls.back().result = trimmed(line.substr(1));
    } else if (const auto brace = line.find(" {");
               brace != line.npos && line.ends_with('}') && line.find(' ') == brace) {
      const auto arguments = line.substr(brace + 1);
      if (!language::strict_ordered_json(std::string(arguments), "arguments"))
        return bad(line, "what follows the tool is no JSON object");
      out.calls.push_back({std::string(line.substr(0, brace)), std::string(arguments), ""});
    } else {
      out.answer = line;
    }
  }
  if (out.request.empty() || out.answer.empty())
    return bad(line,
               "an example is a request, calls (`tool {…}`) with results (`> …`), and an answer");
  return out;
}

}  // namespace hocket::background
