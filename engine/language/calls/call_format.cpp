#include "engine/language/calls/call_format.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "engine/language/constraint/json_schema.hpp"
#include "engine/language/files/text_checks.hpp"

namespace hocket::language {
namespace {

using nlohmann::ordered_json;

/// A text in which names of control tokens stand for them.
int with_tokens(grammar_builder& g, const tokenizer& tokens, std::string_view text, int next) {
  struct part {
    std::string_view text;
    token_id id;
  };
  std::vector<part> parts;
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size();) {
    token_id found = no_token;
    std::size_t length = 0;
    // Names begin with `<` or `[`; the longest counts.
    if (text[i] == '<' || text[i] == '[')
      for (std::size_t n = std::min<std::size_t>(text.size() - i, 64); n > 1 && !length; --n)
        if (const auto id = tokens.find(text.substr(i, n)); id && tokens.is_control(*id))
          found = *id, length = n;
    if (length == 0) {
      ++i;
      continue;
    }
    if (i > done) parts.push_back({text.substr(done, i - done), no_token});
    parts.push_back({text.substr(i, length), found});
    done = i += length;
  }
  if (done < text.size()) parts.push_back({text.substr(done), no_token});
  for (auto p = parts.rbegin(); p != parts.rend(); ++p)
    next = p->id == no_token ? g.literal(p->text, next) : g.token(p->id, next);
  return next;
}

struct tool {
  std::string name;
  ordered_json parameters;
};

result<std::vector<tool>> tools_of(const ordered_json& list) {
  std::vector<tool> out;
  if (!list.is_array() || list.empty()) return fail("calls.bad_tools", "no list of tools");
  for (const auto& each : list) {
    const auto& f = each.is_object() && each.contains("function") ? each["function"] : each;
    if (!f.is_object() || !f.contains("name") || !f["name"].is_string())
      return fail("calls.bad_tools", "a tool has no name");
    auto name = f["name"].get<std::string>();
    const bool word = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
    });
    if (!word)
      return fail("calls.bad_tools", "`" + (is_plain_text(name) ? name : std::string("?")) +
                                         "` is no name of a tool: letters, digits, _, - and .");
    out.push_back({std::move(name),
                   f.contains("parameters")
                       ? f["parameters"]
                       : ordered_json{{"type", "object"}, {"properties", ordered_json::object()}}});
  }
  return out;
}

/// Any text without what begins a call.
result<int> text_before(grammar_builder& g, const call_format& f, const tokenizer& tokens,
                        int next) {
  const std::string_view mark = f.mark;
  const auto id = tokens.find(mark);
  if (!mark.empty() && id && tokens.is_control(*id))
    return g.star([&](int loop) { return g.character(char_set::all(), loop); }, next);
  std::string pattern = mark.empty() ? "^\\s*\\{" : "";
  for (const char c : mark) {
    if (std::string_view("^$\\.*+?()[]{}|/").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  const auto with = text_set::of_pattern(pattern, true);
  if (!with) return fail(with);
  return g.text(others(*with), false, next);
}

}  // namespace

// The marks are the families' own, as their chat templates write them.
const std::vector<call_format>& call_formats() {
  static const std::vector<call_format> all{
      {"kimi", "<|tool_call_argument_begin|>", "<|tool_calls_section_begin|>",
       "<|tool_call_begin|>functions.", ":0<|tool_call_argument_begin|>", "<|tool_call_end|>", "",
       "<|tool_calls_section_end|>", "<|tool_call_begin|>", "<|tool_call_end|>"},
      {"deepseek_v3", "```json", "<｜tool▁calls▁begin｜>",
       "<｜tool▁call▁begin｜>function<｜tool▁sep｜>", "\n```json\n", "\n```<｜tool▁call▁end｜>",
       "\n", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>"},
      {"deepseek_v31", "<｜tool▁sep｜>", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>",
       "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>",
       "<｜tool▁call▁end｜>"},
      {"gpt_oss", "to=functions.", "", "<|channel|>commentary to=functions.",
       " <|constrain|>json<|message|>", "<|call|>", nullptr, "", "to=functions.", "<|call|>"},
      {"mistral", "[TOOL_CALLS]", "[TOOL_CALLS][", "{\"name\": \"", "\", \"arguments\": ", "}",
       ", ", "]", "[TOOL_CALLS]", ""},
      {"nemotron", "<TOOLCALL>", "<TOOLCALL>[", "{\"name\": \"", "\", \"arguments\": ", "}", ", ",
       "]</TOOLCALL>", "<TOOLCALL>", "</TOOLCALL>"},
      {"llama3", "\"parameters\": dictionary", "", "{\"name\": \"", "\", \"parameters\": ", "}",
       nullptr, "", "", ""},
      {"hermes", "<tool_call>", "", "<tool_call>\n{\"name\": \"",
       "\", \"arguments\": ", "}\n</tool_call>", "\n", "", "<tool_call>", "</tool_call>"}};
  return all;
}

const call_format& format_of(std::string_view source) {
  const auto has = [&](std::string_view text) { return source.find(text) != source.npos; };
  for (const auto& f : call_formats()) {
    if (!has(f.told_by)) continue;
    // Two words that other templates hold, too.
    if (std::string_view(f.name) == "deepseek_v3" && !has("<｜tool▁sep｜>")) continue;
    return f;
  }
  return call_formats().back();
}

result<std::shared_ptr<const grammar>> grammar_of_calls(const call_format& f,
                                                        const ordered_json& tools,
                                                        call_choice choice,
                                                        const tokenizer& tokens) {
  const auto list = tools_of(tools);
  if (!list) return fail(list);
  grammar_builder g;
  // One call, as a rule that the first and all others share.
  const int end = g.finish();
  const int closed = with_tokens(g, tokens, f.close, end);
  std::vector<int> ways;
  for (const auto& t : *list) {
    const auto arguments = add_json(g, t.parameters, closed);
    if (!arguments) return fail(arguments.error().code, t.name + ": " + arguments.error().message);
    ways.push_back(g.literal(t.name, with_tokens(g, tokens, f.after_name, *arguments)));
  }
  const int call = with_tokens(g, tokens, f.open, g.choice(ways));
  const int last = with_tokens(g, tokens, f.end, end);
  const int more =
      f.between == nullptr
          ? last
          : g.star([&](int next) { return with_tokens(g, tokens, f.between, g.call(call, next)); },
                   last);
  const int calls = with_tokens(g, tokens, f.begin, g.call(call, more));
  if (choice == call_choice::required) return g.build(calls);
  const auto start = text_before(g, f, tokens, g.choice({end, calls}));
  if (!start) return fail(start);
  return g.build(f.mark[0] == '\0' ? g.choice({*start, calls}) : *start);
}

}  // namespace hocket::language
