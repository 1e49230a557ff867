#include "actors/gateway/json.hpp"

#include <algorithm>

namespace hocket::gateway {
namespace {

/// How deep brackets nest outside of strings; the text need not be JSON.
int depth_of(std::string_view text) {
  int now = 0, most = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      most = std::max(most, ++now);
    } else if (c == ']' || c == '}') {
      --now;
    }
  }
  return most;
}

}  // namespace

result<json> parse_object(std::string_view text, int depth) {
  if (depth_of(text) > depth) return fail("gateway.bad_json", "the message nests too deep");
  auto value = json::parse(text.begin(), text.end(), nullptr, false);
  if (value.is_discarded()) return fail("gateway.bad_json", "the message is no JSON");
  if (!value.is_object()) return fail("gateway.bad_json", "the message is no JSON object");
  return value;
}

const json& member(const json& in, std::string_view key) {
  static const json nothing;
  if (!in.is_object()) return nothing;
  const auto found = in.find(key);
  return found == in.end() ? nothing : *found;
}

std::string text_of(const json& in, std::string_view key, std::string_view otherwise) {
  const auto& value = member(in, key);
  return value.is_string() ? value.get<std::string>() : std::string(otherwise);
}

double number_of(const json& in, std::string_view key, double otherwise, double low, double high) {
  const auto& value = member(in, key);
  return value.is_number() ? std::clamp(value.get<double>(), low, high) : otherwise;
}

std::string line_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::size_t size_of(const json& value) { return line_of(value).size(); }

}  // namespace hocket::gateway
