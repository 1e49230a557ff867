#include "actors/background/function_match.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "graph/text/number_words.hpp"

namespace hocket::background {
namespace {

using json = nlohmann::ordered_json;  // parameters in the order of the app
using strings = std::vector<std::string>;

/// Names of parameters that want all of a task, not what is left of it.
constexpr std::array<const char*, 7> for_whole_task = {"expression", "query",  "question", "text",
                                                       "task",       "prompt", "request"};

/// "getWeather_in the City" -> get weather in the city
strings words_of(std::string_view text) {
  strings out(1);
  bool was_lower = false;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    const bool is_word = std::isalnum(u) != 0 || c == '\'' || u >= 0x80;
    if (!is_word || (std::isupper(u) != 0 && was_lower)) out.emplace_back();
    if (is_word) out.back() += static_cast<char>(std::tolower(u));
    was_lower = std::islower(u) != 0;
  }
  std::erase(out, "");
  return out;
}

bool is_filler(const std::string& word) {
  static const std::set<std::string> fillers = {
      "a",       "an",      "and",     "are",     "at",    "be",   "by",    "can",    "could",
      "current", "do",      "does",    "for",     "from",  "get",  "given", "gives",  "how",
      "i",       "in",      "is",      "it",      "its",   "me",   "my",    "of",     "on",
      "or",      "please",  "returns", "say",     "says",  "tell", "that",  "the",    "this",
      "to",      "what",    "what's",  "when",    "with",  "you",  "your",  "lookup", "look",
      "up",      "string",  "number",  "integer", "value", "now",  "right", "there",  "here",
      "about",   "there's", "was",     "who"};
  return fillers.count(word) > 0;
}

/// Words that mean the same to somebody who asks, and one that stands for them.
std::string meaning_of(std::string word) {
  static constexpr std::array<std::pair<const char*, const char*>, 22> same = {
      {{"clock", "time"},
       {"hour", "time"},
       {"o'clock", "time"},
       {"date", "day"},
       {"today", "day"},
       {"forecast", "weather"},
       {"temperature", "weather"},
       {"rain", "weather"},
       {"sunny", "weather"},
       {"multiply", "times"},
       {"product", "times"},
       {"sum", "plus"},
       {"add", "plus"},
       {"addition", "plus"},
       {"subtract", "minus"},
       {"difference", "minus"},
       {"calculator", "compute"},
       {"calculate", "compute"},
       {"arithmetic", "compute"},
       {"math", "compute"},
       {"translation", "translate"},
       {"phone", "call"}}};
  const bool is_operation = word == "times" || word == "plus" || word == "minus";
  if (word.size() > 3 && word.back() == 's' && !is_operation) word.pop_back();
  for (const auto& [from, to] : same)
    if (word == from) return to;
  return word;
}

std::optional<std::int64_t> number_of(const std::string& word) {
  constexpr std::size_t most_digits = 15;  // which a double holds, too
  if (word.empty() || word.size() > most_digits ||
      !std::all_of(word.begin(), word.end(), [](unsigned char c) { return std::isdigit(c) != 0; }))
    return std::nullopt;
  return std::stoll(word);
}

std::set<std::string> meanings_of(const tool_info& f, const json& properties) {
  std::set<std::string> out;
  const auto add = [&](std::string_view text) {
    for (auto& w : words_of(text))
      if (!is_filler(w)) out.insert(meaning_of(w));
  };
  add(f.name.substr(f.name.rfind('.') + 1));
  add(f.summary);
  for (const auto& [name, p] : properties.items()) {
    if (const auto e = p.is_object() ? p.find("enum") : p.end(); p.is_object() && e != p.end())
      for (const auto& v : *e)
        if (v.is_string()) add(v.get_ref<const std::string&>());
  }
  if (out.count("compute") > 0) out.insert({"times", "plus", "minus", "divided"});
  return out;
}

std::string joined(const strings& words) {
  std::string out;
  for (const auto& w : words) out += (out.empty() ? "" : " ") + w;
  return out;
}

std::string type_of(const json& property) {
  auto type = property.is_object() && property.contains("type") ? property["type"] : json("string");
  if (type.is_array() && !type.empty()) type = type[0];
  std::string out = type.is_string() ? type.get<std::string>() : "string";
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// What a task offers for parameters; each thing is given once.
struct offer {
  std::string task;
  std::string left;  ///< its words that name neither the function nor a number
  std::vector<std::int64_t> numbers;
  std::size_t next_number = 0;
};

json value_for(const std::string& name, const json& property, bool required, offer& from) {
  if (const auto e = property.is_object() ? property.find("enum") : property.end();
      property.is_object() && e != property.end() && e->is_array() && !e->empty()) {
    const auto task = " " + from.task + " ";
    for (const auto& v : *e)
      if (v.is_string() &&
          task.find(" " + joined(words_of(v.get<std::string>())) + " ") != task.npos)
        return v;
    return required ? (*e)[0] : json();
  }
  const auto type = type_of(property);
  if (type == "integer" || type == "number") {
    if (from.next_number < from.numbers.size()) return from.numbers[from.next_number++];
    if (property.is_object() && property.contains("default")) return property["default"];
    return required ? json(0) : json();
  }
  if (type == "boolean") return required ? json(true) : json();
  if (type == "array")
    return required ? json::array({from.left.empty() ? from.task : from.left}) : json();
  if (type == "object") return required ? json::object() : json();
  if (!from.left.empty()) return std::exchange(from.left, "");
  if (property.is_object() && property.contains("default")) return property["default"];
  if (!required) return json();
  // Where the person is nobody knows here: the app may be anywhere, and this machine is somebody else's.
  const auto words = words_of(name);
  const bool is_zone = std::find(words.begin(), words.end(), "timezone") != words.end() ||
                       std::find(words.begin(), words.end(), "zone") != words.end();
  return is_zone ? json("UTC") : json(from.task);
}

std::string arguments_for(const tool_info& function, std::string_view task, bool in_any_case) {
  const auto schema = json::parse(function.parameters_json_schema, nullptr, false);
  const auto member = [&](const char* key) {
    return schema.is_object() && schema.contains(key) ? schema[key] : json();
  };
  auto properties = member("properties");
  if (!properties.is_object()) properties = json::object();
  const auto meanings = meanings_of(function, properties);
  offer from{joined(words_of(task)), "", {}};
  bool shares = false;
  strings left;
  for (const auto& w : words_of(with_digits(task))) {
    if (const auto n = number_of(w)) {
      from.numbers.push_back(*n);
      continue;
    }
    const bool is_known = meanings.count(meaning_of(w)) > 0;
    shares = shares || is_known;
    if (!is_known && !is_filler(w)) left.push_back(w);
  }
  if (!shares && !in_any_case) return "";
  from.left = joined(left);
  std::set<std::string> required;
  for (const auto& name : member("required"))
    if (name.is_string()) required.insert(name.get<std::string>());
  for (const char* whole : for_whole_task)
    if (properties.contains(whole)) from.left = from.task;
  json out = json::object();
  // Those that are required choose first.
  for (const bool first : {true, false})
    for (const auto& [name, property] : properties.items()) {
      if ((required.count(name) > 0) != first) continue;
      auto value = value_for(name, property, first, from);
      if (!value.is_null()) out[name] = std::move(value);
    }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

bool takes_whole_task(const tool_info& function) {
  const auto schema = json::parse(function.parameters_json_schema, nullptr, false);
  if (!schema.is_object() || !schema.contains("properties")) return false;
  const auto& properties = schema["properties"];
  return properties.is_object() && std::ranges::any_of(for_whole_task, [&](const char* name) {
           return properties.contains(name);
         });
}

std::string arguments_by_description(const tool_info& function, std::string_view task) {
  return arguments_for(function, task, false);
}

std::string arguments_in_any_case(const tool_info& function, std::string_view task) {
  return arguments_for(function, task, true);
}

}  // namespace hocket::background
