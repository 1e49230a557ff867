#include "engine/language/calls/answer_reader.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "engine/language/files/strict_json.hpp"

namespace hocket::language {
namespace {

using nlohmann::ordered_json;
constexpr std::string_view blanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Bytes that are no UTF-8 become U+FFFD.
std::string dumped(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

/// A call as a JSON object with a name and arguments under any of their keys.
bool call_of_object(const ordered_json& v, answer_part& into) {
  if (!v.is_object() || !v.contains("name") || !v["name"].is_string()) return false;
  into.what = answer_part::kind::call;
  into.name = v["name"].get<std::string>();
  into.text = "{}";
  for (const char* key : {"arguments", "parameters"}) {
    if (!v.contains(key)) continue;
    auto arguments = v[key];
    // Some write the object as a text.
    if (arguments.is_string()) {
      auto inner = strict_ordered_json(arguments.get<std::string>(), "arguments");
      if (!inner) return false;
      arguments = std::move(*inner);
    }
    if (!arguments.is_object()) return false;
    into.text = dumped(arguments);
    return true;
  }
  return v.size() == 1;
}

bool call_of_parts(std::string_view name, std::string_view arguments, answer_part& into) {
  name = trimmed(name);
  if (name.empty() || name.find_first_of(blanks) != name.npos) return false;
  const auto value = strict_ordered_json(trimmed(arguments), "arguments");
  if (!value || !value->is_object()) return false;
  into.what = answer_part::kind::call;
  into.name = std::string(name);
  into.text = dumped(*value);
  return true;
}

/// `<function=NAME><parameter=KEY>VALUE</parameter>…</function>` (Qwen 3 Coder). A value that is JSON
/// but no text is that value; whoever knows the tool's schema judges.
bool call_of_tags(std::string_view body, answer_part& into) {
  constexpr std::string_view open = "<function=", key_open = "<parameter=", close = "</parameter>";
  if (!body.starts_with(open)) return false;
  const auto name_end = body.find('>');
  if (name_end == body.npos || !body.ends_with("</function>")) return false;
  into.name = std::string(body.substr(open.size(), name_end - open.size()));
  auto arguments = ordered_json::object();
  for (auto at = body.find(key_open, name_end); at != body.npos; at = body.find(key_open, at)) {
    const auto key_end = body.find('>', at), end = body.find(close, at);
    if (key_end == body.npos || end == body.npos || end < key_end) return false;
    const auto key = body.substr(at + key_open.size(), key_end - at - key_open.size());
    auto value = body.substr(key_end + 1, end - key_end - 1);
    if (value.starts_with('\n')) value.remove_prefix(1);
    if (value.ends_with('\n')) value.remove_suffix(1);
    const auto parsed = strict_ordered_json(value, "value");
    arguments[std::string(key)] =
        parsed && !parsed->is_string() ? *parsed : ordered_json(std::string(value));
    at = end;
  }
  into.what = answer_part::kind::call;
  into.text = dumped(arguments);
  return true;
}

/// The parts before and behind a mark; false where it is not there.
bool split(std::string_view text, std::string_view mark, std::string_view& before,
           std::string_view& behind) {
  const auto at = text.find(mark);
  if (at == text.npos) return false;
  before = text.substr(0, at);
  behind = text.substr(at + mark.size());
  return true;
}

/// Formats whose names stand outside of the JSON.
bool call_of_marks(const call_format& f, std::string_view body, answer_part& into) {
  const std::string_view format = f.name;
  std::string_view name, arguments;
  if (format == "kimi") {
    if (!split(body, "<|tool_call_argument_begin|>", name, arguments)) return false;
    if (name.starts_with("functions.")) name.remove_prefix(10);
    return call_of_parts(name.substr(0, name.rfind(':')), arguments, into);
  }
  if (format == "deepseek_v31" || format == "deepseek_v3") {
    if (!split(body, "<｜tool▁sep｜>", name, arguments)) return false;
    if (format == "deepseek_v31") return call_of_parts(name, arguments, into);
    std::string_view real, fenced, rest;
    if (!split(arguments, "```json", real, fenced)) return false;
    const auto end = fenced.rfind("```");
    return end != fenced.npos && call_of_parts(real, fenced.substr(0, end), into);
  }
  if (format == "gpt_oss") {
    if (!split(body, "<|message|>", name, arguments)) return false;
    name = name.substr(0, name.find_first_of(" <\t\r\n"));
    return call_of_parts(name, arguments, into);
  }
  return false;
}

}  // namespace

answer_reader::answer_reader(const call_format& format, bool reasoning)
    : format_(format), where_(reasoning ? where::reasoning : where::text) {}

std::vector<std::string> answer_reader::marks() const {
  std::vector<std::string> out{where_ == where::reasoning ? "</think>" : "<think>"};
  if (std::string_view(format_.name) == "gpt_oss")
    for (const char* m : {"<|channel|>", "<|message|>", "<|end|>", "<|start|>", "<|return|>"})
      out.emplace_back(m);
  if (where_ == where::reasoning) return out;
  out.emplace_back(format_.mark[0] != '\0' ? format_.mark : "<|python_tag|>");
  // What stands around all calls says nothing.
  for (const std::string_view m : {format_.begin, format_.end})
    if (m.starts_with('<') && m.ends_with('>')) out.emplace_back(m);
  return out;
}

void answer_reader::say(std::vector<answer_part>& out, std::string text) {
  if (text.empty()) return;
  if (where_ == where::text && !trimmed(text).empty()) at_start_ = false;
  const auto what =
      where_ == where::reasoning ? answer_part::kind::reasoning : answer_part::kind::text;
  if (!out.empty() && out.back().what == what)
    out.back().text += text;
  else
    out.push_back({what, "", std::move(text)});
}

void answer_reader::end_call(std::vector<answer_part>& out, std::string body) const {
  const auto text = trimmed(body);
  answer_part part;
  if (call_of_marks(format_, text, part) || call_of_tags(text, part)) {
    out.push_back(std::move(part));
    return;
  }
  const auto value = strict_ordered_json(text, "call");
  std::vector<answer_part> calls;
  bool fine = value.has_value();
  if (fine && value->is_array() && !value->empty())
    for (const auto& one : *value) fine = call_of_object(one, calls.emplace_back()) && fine;
  else if (fine)
    fine = call_of_object(*value, calls.emplace_back());
  if (!fine) calls = {{answer_part::kind::broken, "", std::move(body)}};
  out.insert(out.end(), calls.begin(), calls.end());
}

bool answer_reader::advance_call(std::vector<answer_part>& out, bool last) {
  const std::string_view mark_end = format_.mark_end;
  const auto at = mark_end.empty() ? std::string::npos : held_.find(mark_end);
  if (at == std::string::npos && !last) {
    if (held_.size() <= max_call_bytes) return false;
    out.push_back({answer_part::kind::broken, "", std::move(held_)});
    held_.clear();
    where_ = where::text;
    return false;
  }
  auto body = held_.substr(0, at);
  held_.erase(0, at == std::string::npos ? at : at + mark_end.size());
  where_ = where::text;
  end_call(out, std::move(body));
  return !held_.empty();
}

/// One step; false where nothing more can be done with what is held.
bool answer_reader::advance(std::vector<answer_part>& out, bool last) {
  if (where_ == where::call) return advance_call(out, last);
  if (at_start_ && format_.mark[0] == '\0' && where_ == where::text) {
    // An answer that is an object is a call.
    const auto first = held_.find_first_not_of(blanks);
    if (first == std::string::npos && !last) return false;
    if (first != std::string::npos && held_[first] == '{') {
      where_ = where::call;
      at_start_ = false;
      return true;
    }
    if (first != std::string::npos && !held_.substr(first).starts_with('<')) at_start_ = false;
  }
  std::string found;
  auto first = std::string::npos;
  std::size_t wait = 0;
  for (const auto& mark : marks()) {
    const auto at = held_.find(mark);
    if (at != std::string::npos && (at < first || (at == first && mark.size() > found.size())))
      first = at, found = mark;
    for (std::size_t n = std::min(mark.size() - 1, held_.size()); n > wait; --n)
      if (held_.ends_with(std::string_view(mark).substr(0, n))) wait = n;
  }
  if (first == std::string::npos) {
    const auto safe = last ? held_.size() : held_.size() - wait;
    say(out, held_.substr(0, safe));
    held_.erase(0, safe);
    return false;
  }
  // A header of GPT-OSS (`<|channel|>final<|message|>`) is wanted whole.
  if (found == "<|channel|>" || found == "<|start|>") {
    say(out, held_.substr(0, first));
    held_.erase(0, first);
    const auto end = held_.find("<|message|>");
    const auto call = held_.find("to=functions.");
    if (call != std::string::npos && (end == std::string::npos || call < end)) {
      held_.erase(0, call + std::string_view("to=functions.").size());
      where_ = where::call;
      return true;
    }
    if (end == std::string::npos) {
      if (last || held_.size() > max_call_bytes) held_.clear();
      return false;
    }
    where_ =
        held_.substr(0, end).find("analysis") != std::string::npos ? where::reasoning : where::text;
    held_.erase(0, end + std::string_view("<|message|>").size());
    return !held_.empty();
  }
  say(out, held_.substr(0, first));
  held_.erase(0, first + found.size());
  if (found == "<think>")
    where_ = where::reasoning;
  else if (where_ == where::reasoning && (found == "</think>" || found == "<|end|>"))
    where_ = where::text;
  else if (found == format_.mark || found == "<|python_tag|>")
    where_ = where::call;
  return !held_.empty();
}

std::vector<answer_part> answer_reader::push(std::string_view text) {
  std::vector<answer_part> out;
  held_ += text;
  while (!held_.empty() && advance(out, false)) {
  }
  return out;
}

std::vector<answer_part> answer_reader::finish() {
  std::vector<answer_part> out;
  while (!held_.empty() && advance(out, true)) {
  }
  return out;
}

}  // namespace hocket::language
