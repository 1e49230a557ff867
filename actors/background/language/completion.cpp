#include "actors/background/language/completion.hpp"

#include <algorithm>
#include <utility>

#include "actors/background/language/answer_stream.hpp"
#include "engine/language/files/strict_json.hpp"
#include "graph/text/clean.hpp"

namespace hocket::background {
namespace {

const json& member(const json& in, const char* key) {
  static const json nothing;
  if (!in.is_object()) return nothing;
  const auto found = in.find(key);
  return found == in.end() ? nothing : *found;
}
std::string text_of(const json& in, const char* key) {
  const auto& v = member(in, key);
  return v.is_string() ? v.get<std::string>() : std::string();
}
std::int64_t number_of(const json& in, const char* key, std::int64_t otherwise) {
  const auto& v = member(in, key);
  return v.is_number_integer() ? v.get<std::int64_t>() : otherwise;
}

std::string words_of(const json& error) {
  if (error.is_string()) return error.get<std::string>();
  return text_of(error, "message");
}

/// Keys are long. A short one, as servers without keys are given ("none", "ollama"), is a word that
/// anybody may say.
constexpr std::size_t least_key = 8;

/// The same in every text and every name of arguments, however it is escaped there.
void hide_in(json& value, std::string_view key) {
  if (value.is_string()) value = without_key(value.get<std::string>(), key);
  if (!value.is_structured()) return;
  for (auto& [name, inner] : value.items()) hide_in(inner, key);
  if (!value.is_object()) return;
  json named = json::object();  // names are no values: they cannot be changed in place
  for (auto& [name, inner] : value.items()) named[without_key(name, key)] = std::move(inner);
  value = std::move(named);
}

std::string arguments_without(std::string arguments, std::string_view key) {
  if (key.empty()) return arguments;
  auto value = language::strict_ordered_json(arguments, "arguments");
  if (!value) return without_key(std::move(arguments), key);  // nobody calls anything with it
  const auto before = *value;
  hide_in(*value, key);
  if (*value == before) return without_key(std::move(arguments), key);
  return without_key(value->dump(-1, ' ', false, json::error_handler_t::replace), key);
}

/// Bytes at the end of `text` that may be the beginning of `key`.
std::size_t begun_at_end(std::string_view text, std::string_view key) {
  for (auto n = std::min(text.size(), key.size()); n > 0; --n)
    if (text.ends_with(key.substr(0, n))) return n;
  return 0;
}

}  // namespace

std::string without_key(std::string text, std::string_view key, std::size_t from) {
  constexpr std::string_view instead = "[key]";
  if (key.empty()) return text;
  for (auto at = text.find(key, from); at != text.npos; at = text.find(key, at + instead.size()))
    text.replace(at, key.size(), instead);
  return text;
}

std::string error_words(std::string_view body, std::string_view key) {
  std::string words;
  if (const auto value = language::strict_ordered_json(body, "error")) {
    words = words_of(member(*value, "error"));
    if (words.empty()) words = text_of(*value, "message");
    if (words.empty()) words = text_of(*value, "detail");
  }
  if (words.empty()) words = body.substr(0, 64 << 10);
  words = without_key(std::move(words), key);  // before it is cut, which may leave a half
  words = clean_text(words);
  std::ranges::replace(words, '\n', ' ');
  return cut_text(without_key(std::move(words), key), 200);
}

result<void> completion::grow(std::size_t by) {
  bytes_ += by;
  if (bytes_ > limit_bytes_)
    return fail("language.bad_answer", "the endpoint's answer is too long");
  return {};
}

result<void> completion::event(std::string_view data) {
  if (data == "[DONE]") {
    done_ = true;
    return {};
  }
  const auto value = language::strict_ordered_json(data, "event");
  if (!value || !value->is_object())
    return fail("language.bad_answer", "the endpoint's stream holds what is no JSON object");
  if (const auto& e = member(*value, "error"); !e.is_null())
    return fail("language.refused", "the endpoint broke off: " + error_words(data, key_));
  tokens_ = std::max(tokens_, number_of(member(*value, "usage"), "total_tokens", 0));
  const auto& choices = member(*value, "choices");
  if (!choices.is_array() || choices.empty()) return {};  // the last one has the usage alone
  return take(choices[0], false);
}

result<void> completion::whole(std::string_view body) {
  const auto value = language::strict_ordered_json(body, "answer");
  if (!value || !value->is_object())
    return fail("language.bad_answer", "the endpoint's answer is no JSON object");
  if (const auto& e = member(*value, "error"); !e.is_null())
    return fail("language.refused", "the endpoint says: " + error_words(body, key_));
  tokens_ = number_of(member(*value, "usage"), "total_tokens", 0);
  const auto& choices = member(*value, "choices");
  if (!choices.is_array() || choices.empty())
    return fail("language.bad_answer", "the endpoint's answer has no choice");
  done_ = true;
  return take(choices[0], true);
}

result<void> completion::take(const json& choice, bool is_whole) {
  const auto& delta = member(choice, is_whole ? "message" : "delta");
  // `reasoning_content` is what it thinks: not for the answer.
  if (const auto& content = member(delta, "content"); content.is_string()) {
    const auto& piece = content.get_ref<const std::string&>();
    HOCKET_TRY(grow(piece.size()));
    text_ += piece;
    begun_ = begun_ || !piece.empty();
  } else if (content.is_array()) {
    for (const auto& part : content) {
      HOCKET_TRY(grow(text_of(part, "text").size()));
      text_ += text_of(part, "text");
      begun_ = true;
    }
  }
  if (const auto& calls = member(delta, "tool_calls"); calls.is_array())
    for (std::size_t i = 0; i < calls.size(); ++i) HOCKET_TRY(take_call(calls[i], i));
  if (member(choice, "finish_reason").is_string()) finished_ = true;
  return {};
}

// By `index`; where there is none by `id`; else by place: the newest one goes on.
result<void> completion::take_call(const json& call, std::size_t position) {
  const auto index = number_of(call, "index", -1);
  const auto id = text_of(call, "id");
  const auto& function = member(call, "function");
  const auto name = text_of(function, "name");
  auto at = calls_.end();
  if (index >= 0) {
    at = std::ranges::find(calls_, index, &part::index);
  } else if (!id.empty()) {
    at = std::ranges::find(calls_, id, &part::id);
  } else if (name.empty()) {
    at = position < calls_.size() && position > 0
             ? calls_.begin() + std::ptrdiff_t(position)
             : (calls_.empty() ? calls_.end() : calls_.end() - 1);
  }
  if (at == calls_.end()) {
    if (calls_.size() >= 64)
      return fail("language.bad_answer", "the endpoint asks for too many calls");
    calls_.push_back({id, "", "", index});
    at = calls_.end() - 1;
  }
  begun_ = true;
  if (at->name.empty()) at->name = name;
  const auto& arguments = member(function, "arguments");
  if (arguments.is_string()) {
    HOCKET_TRY(grow(arguments.get_ref<const std::string&>().size()));
    at->arguments += arguments.get_ref<const std::string&>();
  } else if (arguments.is_object()) {
    at->arguments = arguments.dump(-1, ' ', false, json::error_handler_t::replace);
    HOCKET_TRY(grow(at->arguments.size()));
  }
  return {};
}

std::string_view completion::new_text() {
  auto end = text_.size();
  if (key_.size() >= least_key) {
    text_ = without_key(std::move(text_), key_, told_);
    end = text_.size();
    if (!done_) end -= begun_at_end(std::string_view(text_).substr(told_), key_);
  }
  const auto begin = std::exchange(told_, end);
  return std::string_view(text_).substr(begin, end - begin);
}

result<chat_reply> completion::finish() {
  if (!done_ && !finished_)
    return fail("language.bad_answer", begun_ ? "the endpoint's answer broke off in the middle"
                                              : "the endpoint answered nothing");
  const std::string_view key = key_.size() >= least_key ? std::string_view(key_) : "";
  chat_reply out;
  out.text = without_reasoning(without_key(text_, key));
  for (auto& c : calls_)
    if (!c.name.empty())
      out.calls.push_back(
          {without_key(std::move(c.name), key),
           c.arguments.empty() ? "{}" : arguments_without(std::move(c.arguments), key)});
  if (out.calls.empty()) {
    out.calls = calls_in_text(out.text);
    for (auto& c : out.calls) {  // they were escaped in the text: its letters were not the key's
      c.name = without_key(std::move(c.name), key);
      c.arguments_json = arguments_without(std::move(c.arguments_json), key);
    }
  }
  out.tokens = tokens_ > 0 ? tokens_ : static_cast<std::int64_t>(bytes_ / 4 + 1);
  return out;
}

}  // namespace hocket::background
