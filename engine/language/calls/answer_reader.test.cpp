#include "engine/language/calls/answer_reader.hpp"

#include <random>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "engine/language/constraint/constraint.hpp"

using namespace hocket::language;
using json = nlohmann::ordered_json;

namespace {

const call_format& format(std::string_view name) {
  for (const auto& f : call_formats())
    if (name == f.name) return f;
  FAIL("no such format");
  return call_formats().front();
}

/// Parts in short: "text|<reasoning>|name(arguments)|!broken".
std::string shown(const std::vector<answer_part>& parts) {
  std::string out;
  answer_part::kind before = answer_part::kind::call;
  for (const auto& p : parts) {
    const bool joins = p.what == before && (p.what == answer_part::kind::text ||
                                            p.what == answer_part::kind::reasoning);
    if (!out.empty() && !joins) out += "|";
    switch (p.what) {
      case answer_part::kind::text: out += p.text; break;
      case answer_part::kind::reasoning: out += (joins ? "" : "~") + p.text; break;
      case answer_part::kind::call: out += p.name + "(" + p.text + ")"; break;
      case answer_part::kind::broken: out += "!" + p.text; break;
    }
    before = p.what;
  }
  return out;
}

std::string read(const call_format& f, std::string_view text, std::size_t cut,
                 bool by_byte = false) {
  answer_reader r(f);
  std::vector<answer_part> all;
  const auto add = [&](std::string_view piece) {
    for (auto& p : r.push(piece)) all.push_back(std::move(p));
  };
  if (by_byte)
    for (const char& c : text) add({&c, 1});
  else
    add(text.substr(0, cut)), add(text.substr(cut));
  for (auto& p : r.finish()) all.push_back(std::move(p));
  return shown(all);
}

}  // namespace

TEST_CASE("answer_reader: each family's calls, however the answer was cut") {
  struct sample {
    const char *format, *said, *parts;
  };
  const sample samples[] = {
      {"hermes", "Hello.", "Hello."},
      {"hermes", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>",
       "f({\"a\":1})"},
      {"hermes",
       "Let me see.<tool_call>{\"name\": \"f\", \"arguments\": "
       "{}}</tool_call><tool_call>{\"name\": "
       "\"g\", \"arguments\": \"{\\\"b\\\": [2]}\"}</tool_call>",
       "Let me see.|f({})|g({\"b\":[2]})"},
      {"hermes", "<think>hm <b></think>Yes", "~hm <b>|Yes"},
      {"hermes", "a < b <tool", "a < b <tool"},
      {"hermes", "<tool_call>{\"name\": \"f\"", "!{\"name\": \"f\""},
      {"hermes", "<tool_call>{\"name\": \"f\", \"arguments\": {}}", "f({})"},
      {"hermes", "<tool_call>{\"name\": 3, \"arguments\": {}}</tool_call>x",
       "!{\"name\": 3, \"arguments\": {}}|x"},
      {"hermes", "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1, \"a\": 2}}</tool_call>",
       "!{\"name\": \"f\", \"arguments\": {\"a\": 1, \"a\": 2}}"},
      {"hermes",
       "<tool_call>\n<function=f>\n<parameter=city>\nSan "
       "José\n</parameter>\n<parameter=n>\n3\n</parameter>\n"
       "</function>\n</tool_call>",
       "f({\"city\":\"San José\",\"n\":3})"},
      {"llama3", "{\"name\": \"f\", \"parameters\": {\"a\": \"b\"}}", "f({\"a\":\"b\"})"},
      {"llama3", "<|python_tag|>{\"name\": \"f\", \"parameters\": {}}", "f({})"},
      {"llama3", "A { brace }", "A { brace }"},
      {"llama3", "{\"just\": \"JSON\"}", "!{\"just\": \"JSON\"}"},
      {"mistral",
       "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}}, {\"name\": \"g\", \"arguments\": "
       "{\"x\": 0}}]",
       "f({})|g({\"x\":0})"},
      {"nemotron", "Sure <TOOLCALL>[{\"name\": \"f\", \"arguments\": {}}]</TOOLCALL>",
       "Sure |f({})"},
      {"deepseek_v3",
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": "
       "1}\n```"
       "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
       "f({\"a\":1})"},
      {"deepseek_v31",
       "Wait.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": "
       "1}<｜tool▁call▁end｜>"
       "<｜tool▁call▁begin｜>g<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
       "Wait.|f({\"a\":1})|g({})"},
      {"kimi",
       "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{"
       "\"a\": 1}"
       "<|tool_call_end|><|tool_calls_section_end|>",
       "f({\"a\":1})"},
      {"gpt_oss",
       "<|channel|>analysis<|message|>think<|end|><|start|>assistant<|channel|>final<|message|>"
       "Done",
       "~think|Done"},
      {"gpt_oss",
       "<|channel|>analysis<|message|>t<|end|><|start|>assistant<|channel|>commentary "
       "to=functions.f "
       "<|constrain|>json<|message|>{\"a\": 1}<|call|>",
       "~t|f({\"a\":1})"},
      {"gpt_oss", "<|start|>assistant to=functions.f<|channel|>commentary json<|message|>{}",
       "f({})"}};
  for (const auto& s : samples) {
    const auto& f = format(s.format);
    const std::string_view said = s.said;
    for (std::size_t cut = 0; cut <= said.size(); ++cut)
      CHECK_MESSAGE(read(f, said, cut) == s.parts, s.said);
    CHECK_MESSAGE(read(f, said, 0, true) == s.parts, s.said);
  }
}

TEST_CASE("answer_reader: a call without an end is bounded") {
  answer_reader r(format("hermes"));
  r.push("<tool_call>");
  std::size_t broken = 0;
  for (int i = 0; i < 40; ++i)
    for (const auto& p : r.push(std::string(16384, 'x')))
      broken += p.what == answer_part::kind::broken;
  CHECK(broken == 1);
}

TEST_CASE(
    "call_format: what the grammar of calls lets through is read as valid calls of the tools") {
  const auto tools = json::parse(R"([
    {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {
      "city": {"type": "string", "maxLength": 5}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
      "required": ["city"]}}},
    {"name": "now"}])");
  tokenizer_rules rules;
  for (int b = 0; b < 256; ++b)
    rules.tokens.push_back({std::string(1, static_cast<char>(b)), token_kind::text});
  const tokenizer plain(rules);
  for (const char* control :
       {"<|tool_calls_section_begin|>", "<|tool_call_begin|>", "<|tool_call_argument_begin|>",
        "<|tool_call_end|>", "<|tool_calls_section_end|>", "<tool_call>", "</tool_call>",
        "[TOOL_CALLS]", "<|channel|>", "<|constrain|>", "<|message|>", "<|call|>"})
    rules.tokens.push_back({control, token_kind::control});
  const tokenizer with_control(rules);
  std::mt19937 random(2);
  for (const auto* tokens : {&plain, &with_control})
    for (const auto& f : call_formats())
      for (const auto choice : {call_choice::required, call_choice::optional}) {
        const auto g = grammar_of_calls(f, tools, choice, *tokens);
        REQUIRE_MESSAGE(g, f.name << ": " << (g ? "" : g.error().message));
        for (int i = 0; i < 20; ++i) {
          grammar_walk walk(*g);
          answer_reader reader(f);
          std::vector<answer_part> parts;
          int state = walk.start();
          const auto add = [&](std::string_view text) {
            for (auto& p : reader.push(text)) parts.push_back(std::move(p));
          };
          for (int n = 0; !(walk.may_end(state) && (n > 40 || random() % 8 == 0)); ++n) {
            std::vector<std::pair<int, std::string>> ways;
            const bool home = n > 40;
            for (const int id : walk.tokens(state))
              ways.emplace_back(walk.step_token(state, id),
                                tokens->rules().tokens[static_cast<std::size_t>(id)].bytes);
            for (int b = 0; b < 256; ++b)
              if (const int to = walk.step(state, static_cast<std::uint8_t>(b)); to >= 0)
                ways.emplace_back(to, std::string(1, static_cast<char>(b)));
            if (home)
              std::erase_if(ways, [&](const auto& w) {
                return walk.distance(w.first) >= walk.distance(state);
              });
            if (ways.empty() && walk.may_end(state)) break;  // it must end here
            REQUIRE(!ways.empty());
            const auto& [to, text] = ways[random() % ways.size()];
            state = to;
            add(text);
          }
          for (auto& p : reader.finish()) parts.push_back(std::move(p));
          int calls = 0;
          for (const auto& p : parts) {
            CHECK_MESSAGE(p.what != answer_part::kind::broken, f.name << ": " << p.text);
            if (p.what != answer_part::kind::call) continue;
            ++calls;
            const auto arguments = json::parse(p.text);
            CHECK((p.name == "weather" || p.name == "now"));
            CHECK(arguments.contains("city") == (p.name == "weather"));
          }
          if (choice == call_choice::required)
            CHECK_MESSAGE(calls > 0, f.name << ": " << shown(parts));
        }
      }
  CHECK(grammar_of_calls(format("hermes"), json::array(), call_choice::required, plain)
            .error()
            .code == "calls.bad_tools");
  CHECK(grammar_of_calls(format("hermes"), json::parse(R"([{"name": "a b"}])"),
                         call_choice::required, plain)
            .error()
            .code == "calls.bad_tools");
  CHECK(grammar_of_calls(format("hermes"),
                         json::parse(R"([{"name": "f", "parameters": {"not": {}}}])"),
                         call_choice::required, plain)
            .error()
            .message.starts_with("f: schema: `not`"));
}

TEST_CASE("call_format: a template's text names its format") {
  CHECK(format_of("x <tool_call> y").name == std::string("hermes"));
  CHECK(format_of("{{ '[TOOL_CALLS]' }}").name == std::string("mistral"));
  CHECK(format_of("no tools at all").name == std::string("hermes"));
  CHECK(format_of("'<｜tool▁call▁begin｜>' + '<｜tool▁sep｜>'").name ==
        std::string("deepseek_v31"));
}
