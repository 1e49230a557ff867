#include "actors/gateway/gemini/protobuf_json.hpp"

#include <set>

namespace hocket::gateway::gemini {
namespace {

std::string camel(const std::string& name) {
  std::string out;
  bool raise = false;
  for (const char c : name) {
    if (c == '_') {
      raise = !out.empty();
      continue;
    }
    out += raise && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    raise = false;
  }
  return out;
}

}  // namespace

json in_camel_case(const json& value) {
  static const std::set<std::string> of_application = {
      "args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema"};
  if (value.is_array()) {
    json out = json::array();
    for (const auto& v : value) out.push_back(in_camel_case(v));
    return out;
  }
  if (!value.is_object()) return value;
  json out = json::object();
  for (const auto& [key, v] : value.items()) {
    auto name = camel(key);
    const bool as_it_is = of_application.count(name) > 0;
    out[std::move(name)] = as_it_is ? v : in_camel_case(v);
  }
  return out;
}

}  // namespace hocket::gateway::gemini
