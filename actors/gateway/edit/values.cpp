#include "actors/gateway/edit/values.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/spec/yaml.hpp"

namespace hocket::gateway::edit {
namespace {

bool is_word(std::string_view s) {
  const auto fine = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  if (s.empty() || !fine(static_cast<unsigned char>(s[0]))) return false;
  return std::all_of(s.begin(), s.end(), [&](char c) {
    return fine(static_cast<unsigned char>(c)) || c == '.' || c == '/' || c == '-';
  });
}

}  // namespace

std::string scalar_text(const std::string& s) {
  const bool stays_text =
      is_word(s) && !spec::looks_octal(s) && spec::plain_scalar(s, {}).get_if<std::string>();
  if (stays_text) return s;
  std::string out = "\"";
  for (const char c : s) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += std::string("\\") + c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (code < 0x20 || code == 0x7f)
      out += fmt::format("\\x{:02x}", code);
    else
      out += c;
  }
  return out + "\"";
}

namespace {

std::string number_text(double d) {
  if (std::isnan(d)) return ".nan";
  if (std::isinf(d)) return d < 0 ? "-.inf" : ".inf";
  auto out = fmt::format("{}", d);
  if (out.find_first_of(".e") == out.npos) out += ".0";
  return out;
}

}  // namespace

value value_of(const json& j) {
  if (j.is_object()) {
    value::map out;
    for (const auto& [key, item] : j.items()) out.push_back({key, {}, value_of(item)});
    return value(std::move(out));
  }
  if (j.is_array()) {
    value::list out;
    for (const auto& item : j) out.push_back(value_of(item));
    return value(std::move(out));
  }
  if (j.is_boolean()) return value(j.get<bool>());
  if (j.is_number_integer()) return value(j.get<std::int64_t>());
  if (j.is_number()) return value(j.get<double>());
  if (j.is_string()) return value(j.get<std::string>());
  return value();
}

bool same(const value& a, const value& b) {
  if (const auto* x = a.get_if<value::map>()) {
    const auto* y = b.get_if<value::map>();
    return y != nullptr && std::ranges::equal(*x, *y, [](const auto& p, const auto& q) {
             return p.key == q.key && same(p.item, q.item);
           });
  }
  if (const auto* x = a.get_if<value::list>()) {
    const auto* y = b.get_if<value::list>();
    return y != nullptr && std::ranges::equal(*x, *y, same);
  }
  const auto equal = [&]<class T>(const T* x) { return b.get_if<T>() && *x == *b.get_if<T>(); };
  if (const auto* x = a.get_if<bool>()) return equal(x);
  if (const auto* x = a.get_if<std::int64_t>()) return equal(x);
  if (const auto* x = a.get_if<std::string>()) return equal(x);
  if (const auto* x = a.get_if<double>()) {
    const auto* y = b.get_if<double>();
    return y != nullptr && (*x == *y || (std::isnan(*x) && std::isnan(*y)));
  }
  return a.is_null() && b.is_null();
}

json json_of(const value& v) {
  if (const auto* m = v.get_if<value::map>()) {
    auto out = json::object();
    for (const auto& e : *m) out[e.key] = json_of(e.item);
    return out;
  }
  if (const auto* l = v.get_if<value::list>()) {
    auto out = json::array();
    for (const auto& item : *l) out.push_back(json_of(item));
    return out;
  }
  if (const auto* b = v.get_if<bool>()) return *b;
  if (const auto* i = v.get_if<std::int64_t>()) return *i;
  if (const auto* d = v.get_if<double>()) return *d;
  if (const auto* s = v.get_if<std::string>()) return *s;
  return nullptr;
}

std::string flow_text(const json& j) {
  std::vector<std::string> items;
  if (j.is_object()) {
    for (const auto& [key, item] : j.items())
      items.push_back(scalar_text(key) + ": " + flow_text(item));
    return fmt::format("{{{}}}", fmt::join(items, ", "));
  }
  if (j.is_array()) {
    for (const auto& item : j) items.push_back(flow_text(item));
    return fmt::format("[{}]", fmt::join(items, ", "));
  }
  if (j.is_string()) return scalar_text(j.get<std::string>());
  if (j.is_number_float()) return number_text(j.get<double>());
  return j.dump();
}

}  // namespace hocket::gateway::edit
