// What a config says, as text and as a value.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/contract/config.hpp"

namespace hocket {
namespace {

std::string number_text(double v) { return fmt::format("{}", v); }

template <class T>
std::string list_text(const std::vector<T>& v) {
  std::vector<std::string> items;
  for (const auto& x : v) {
    if constexpr (std::is_same_v<T, std::string>)
      items.push_back(quoted(x));
    else
      items.push_back(number_text(x));
  }
  return fmt::format("[{}]", fmt::join(items, ", "));
}

class documenter final : public config_visitor {
 public:
  std::vector<field_doc> rows;

  void field(const field_info& i, bool& v) override { row(i, "bool", v ? "true" : "false"); }
  void field(const field_info& i, std::int64_t& v) override { row(i, "int", fmt::to_string(v)); }
  void field(const field_info& i, double& v) override { row(i, "number", number_text(v)); }
  void field(const field_info& i, std::string& v) override { row(i, "string", quoted(v)); }
  void field(const field_info& i, std::vector<std::string>& v) override {
    row(i, "string list", list_text(v));
  }
  void field(const field_info& i, std::vector<double>& v) override {
    row(i, "number list", list_text(v));
  }
  void field(const field_info& i, part_choice& v) override {
    row(i, std::string(to_string(i.parts)), part_text(v));
  }
  void field(const field_info& i, named_parts& v) override {
    std::vector<std::string> items;
    for (const auto& p : v) items.push_back(quoted(p.name) + ": " + part_text(p.what));
    row(i, fmt::format("{} map", to_string(i.parts)),
        fmt::format("{{{}}}", fmt::join(items, ", ")));
  }

 private:
  static std::string part_text(const part_choice& p) {
    const auto* map = p.settings.get_if<value::map>();
    if (map == nullptr || map->empty()) return quoted(p.use);
    auto all = *map;
    all.insert(all.begin(), {"use", {}, value(p.use)});
    return flow_text(value(std::move(all)));
  }

  void row(const field_info& info, std::string type, std::string text) {
    rows.push_back({info, std::move(type), std::move(text)});
  }
};

/// Writes each field into a map, in the order of the visit.
class lister final : public config_visitor {
 public:
  value::map out;
  void field(const field_info& i, bool& v) override { put(i, value(v)); }
  void field(const field_info& i, std::int64_t& v) override {
    if (fits(i, static_cast<double>(v))) put(i, value(v));
  }
  void field(const field_info& i, double& v) override {
    if (fits(i, v)) put(i, value(v));
  }
  void field(const field_info& i, std::string& v) override {
    if (i.choices.empty() || std::find(i.choices.begin(), i.choices.end(), v) != i.choices.end())
      put(i, value(v));
  }
  void field(const field_info& i, std::vector<std::string>& v) override { put_list(i, v); }
  void field(const field_info& i, std::vector<double>& v) override { put_list(i, v); }
  void field(const field_info& i, part_choice& v) override { put(i, of(v)); }
  void field(const field_info& i, named_parts& v) override {
    value::map all;
    for (const auto& p : v) all.push_back({p.name, {}, of(p.what)});
    put(i, value(std::move(all)));
  }

 private:
  static bool fits(const field_info& i, double v) {
    return v >= i.min.value_or(v) && v <= i.max.value_or(v);
  }
  static value of(const part_choice& p) {
    value::map all = {{"use", {}, value(p.use)}};
    if (const auto* rest = p.settings.get_if<value::map>())
      all.insert(all.end(), rest->begin(), rest->end());
    return value(std::move(all));
  }
  template <class T>
  void put_list(const field_info& i, const std::vector<T>& v) {
    value::list all(v.begin(), v.end());
    put(i, value(std::move(all)));
  }
  // "openai.model" stands in a map "openai"; "pii.text" is one key.
  void put(const field_info& i, value v) {
    const auto dot = i.name.find('.');
    if (dot == i.name.npos || i.name.starts_with("pii."))
      return out.push_back({i.name, {}, std::move(v)});
    const auto group = i.name.substr(0, dot);
    auto at = std::find_if(out.begin(), out.end(), [&](const auto& e) { return e.key == group; });
    if (at == out.end()) at = out.insert(at, {group, {}, value(value::map{})});
    at->item.get_if<value::map>()->push_back({i.name.substr(dot + 1), {}, std::move(v)});
  }
};

}  // namespace

std::string_view to_string(part_kind kind) {
  switch (kind) {
    case part_kind::none: return "part";
    case part_kind::planner: return "planner";
    case part_kind::tool_source: return "tool_source";
  }
  return "part";
}

value to_value(config_base& config) {
  lister l;
  config.visit(l);
  return value(std::move(l.out));
}

std::string flow_text(const value& v) {
  if (const auto* b = v.get_if<bool>()) return *b ? "true" : "false";
  if (const auto* i = v.get_if<std::int64_t>()) return fmt::to_string(*i);
  if (const auto* d = v.get_if<double>()) return number_text(*d);
  if (const auto* s = v.get_if<std::string>()) return quoted(*s);
  std::vector<std::string> items;
  if (const auto* list = v.get_if<value::list>()) {
    for (const auto& item : *list) items.push_back(flow_text(item));
    return fmt::format("[{}]", fmt::join(items, ", "));
  }
  if (const auto* map = v.get_if<value::map>()) {
    for (const auto& e : *map) items.push_back(quoted(e.key) + ": " + flow_text(e.item));
    return fmt::format("{{{}}}", fmt::join(items, ", "));
  }
  return "null";
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '\r': out += "\\r"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          out += fmt::format("\\x{:02x}", static_cast<int>(c));
        else
          out += c;
    }
  }
  return out + "\"";
}

std::vector<field_doc> document(config_base& config) {
  documenter d;
  config.visit(d);
  for (auto& row : d.rows)
    if (row.info.required) row.default_text.clear();
  return std::move(d.rows);
}

std::string canonical_text(config_base& config) {
  documenter d;
  config.visit(d);
  std::string out;
  for (const auto& row : d.rows) out += fmt::format("{}: {}\n", row.info.name, row.default_text);
  return out;
}

}  // namespace hocket
