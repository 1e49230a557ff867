#include "actors/background/language/answer_stream.hpp"

#include <doctest/doctest.h>

using namespace hocket::background;

namespace {

/// What is told of a text that comes in pieces of so many bytes.
std::string told(const std::string& text, std::size_t bytes) {
  std::string out;
  answer_stream s([&](std::string_view t) { out += t; });
  for (std::size_t at = 0; at < text.size(); at += bytes) s.push(text.substr(at, bytes));
  return out;
}

}  // namespace

TEST_CASE("words go on as they come; reasoning, calls and markup do not, however it is cut") {
  struct one {
    std::string written, told, whole;
  };
  const std::vector<one> all = {
      {"It is **windy**, 5 degrees.", "It is windy, 5 degrees.", ""},
      {" \n<think>call it? {no}</think>\n It is windy", "It is windy", " It is windy"},
      {"<think>a</think><think>b</think>yes", "yes", "yes"},
      {"<think>never done", "", ""},
      {"<think></think>", "", ""},
      {"<thin", "", "<thin"},
      {"<b>bold</b>", "", "<b>bold</b>"},
      {"{\"name\": \"mail\"}", "", "{\"name\": \"mail\"}"},
      {"[{\"name\": 1}]", "", "[{\"name\": 1}]"},
      {"```json\n{}\n```", "", "```json\n{}\n```"},
      {"Let me see. <tool_call>{\"name\": \"mail\"}</tool_call> done", "Let me see. ",
       "Let me see. <tool_call>{\"name\": \"mail\"}</tool_call> done"},
      {"a < b", "a ", "a < b"},
      {"", "", ""},
      {"  ", "", "  "}};
  for (const auto& o : all)
    for (std::size_t bytes = 1; bytes < 12; ++bytes) {
      CAPTURE(o.written);
      CAPTURE(bytes);
      CHECK(told(o.written, bytes) == o.told);
    }
  for (const auto& o : all)
    if (!o.whole.empty()) {
      auto text = without_reasoning(o.written);
      while (text.starts_with('\n')) text.erase(0, 1);
      CHECK(text == o.whole);
    }
}
