#include "graph/contract/config.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hocket {
namespace {

std::string stem_without_unit(std::string_view key) {
  const auto cut = key.rfind('_');
  return std::string(cut == std::string_view::npos ? key : key.substr(0, cut));
}

/// "200ms" or "16 kHz": a number that carries its unit with it.
bool is_number_with_unit(const std::string& s) {
  std::size_t i = 0;
  while (i < s.size() && (std::isdigit(static_cast<unsigned char>(s[i])) || s[i] == '.')) ++i;
  if (i == 0) return false;
  while (i < s.size() && s[i] == ' ') ++i;
  if (i == s.size() || s.size() - i > 5) return false;
  return std::all_of(s.begin() + static_cast<std::ptrdiff_t>(i), s.end(),
                     [](unsigned char c) { return std::isalpha(c) || c == '%' || c == '/'; });
}

/// "0,5" -> "0.5"; "" for anything else.
std::string with_point(const std::string& s) {
  const auto comma = s.find(',');
  const auto digits = [](std::string_view part) {
    return !part.empty() && part.find_first_not_of("0123456789") == part.npos;
  };
  if (comma == std::string::npos) return "";
  auto whole = std::string_view(s).substr(0, comma);
  if (whole.starts_with('-') || whole.starts_with('+')) whole.remove_prefix(1);
  if (!digits(whole) || !digits(std::string_view(s).substr(comma + 1))) return "";
  return s.substr(0, comma) + "." + s.substr(comma + 1);
}

std::string number_text(double v) { return fmt::format("{}", v); }

/// "openai.base_url" -> "openai", "base_url": a field of a map inside the map. No group: "", the name;
/// "pii.text" is one key, as it stands.
std::pair<std::string_view, std::string_view> group_of(std::string_view name) {
  const auto dot = name.find('.');
  if (dot == name.npos || name.starts_with("pii.")) return {"", name};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

/// Fills the fields of a config from a map and collects what is wrong.
class reader final : public config_visitor {
 public:
  reader(const value& from, const std::string& owner, diagnostics& findings)
      : from_(from), owner_(owner), findings_(findings) {}

  const std::vector<std::string>& names() const { return names_; }

  void field(const field_info& info, bool& v) override {
    const auto* item = take(info);
    if (item == nullptr) return;
    if (const auto* b = item->get_if<bool>())
      v = *b;
    else
      wrong_type(info, *item, "true or false", yes_no_hint(*item));
  }

  void field(const field_info& info, std::int64_t& v) override {
    const auto* item = take(info);
    if (item == nullptr) return;
    if (const auto* i = item->get_if<std::int64_t>()) {
      if (in_range(info, static_cast<double>(*i), item->literal(), *item)) v = *i;
    } else if (const auto* d = item->get_if<double>(); d != nullptr) {
      wrong_type(info, *item, "an integer",
                 std::abs(*d) < 9e15 && *d == std::floor(*d)
                     ? fmt::format("write {}", static_cast<std::int64_t>(*d))
                     : std::string());
    } else {
      wrong_type(info, *item, "an integer", "");
    }
  }

  void field(const field_info& info, double& v) override {
    const auto* item = take(info);
    if (item == nullptr) return;
    read_number(info, *item, v);
  }

  void field(const field_info& info, std::string& v) override {
    const auto* item = take(info);
    if (item == nullptr) return;
    read_string(info, *item, v);
  }

  void field(const field_info& info, std::vector<std::string>& v) override {
    read_list(info, v, "a list of strings",
              [this](const field_info& i, const value& item, std::string& out) {
                read_string(i, item, out);
              });
  }

  void field(const field_info& info, std::vector<double>& v) override {
    read_list(
        info, v, "a list of numbers",
        [this](const field_info& i, const value& item, double& out) { read_number(i, item, out); });
  }

  void field(const field_info& info, part_choice& v) override {
    if (const auto* item = take(info)) read_part(info.name, *item, v);
  }

  void field(const field_info& info, named_parts& v) override {
    const auto* item = take(info);
    if (item == nullptr) return;
    const auto* map = item->get_if<value::map>();
    if (map == nullptr)
      return wrong_type(info, *item, "a map of names", "write {NAME: {use: TYPE}}");
    v.clear();
    for (const auto& e : *map) {
      if (!is_word(e.key))
        add("config.type", e.key_where,
            fmt::format("`{}.{}`: a name is one lower-case word", info.name, e.key), "");
      v.push_back({e.key, {}});
      read_part(info.name + "." + e.key, e.item, v.back().what);
    }
  }

 private:
  static bool is_word(std::string_view s) {
    return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
  }

  void read_part(const std::string& key, const value& item, part_choice& v) {
    if (const auto* name = item.get_if<std::string>()) {
      v = {*name, value(value::map{}, item.where())};
      return;
    }
    const auto* map = item.get_if<value::map>();
    const auto* use = item.find("use");
    const auto* name = use != nullptr ? use->get_if<std::string>() : nullptr;
    if (map == nullptr || name == nullptr)
      return add("config.type", item.where(),
                 fmt::format("`{}` must be a name, or a map with `use`", key),
                 fmt::format("write {}: {{use: NAME, …}}", key.substr(key.rfind('.') + 1)));
    v.use = *name;
    value::map rest;
    for (const auto& e : *map)
      if (e.key != "use") rest.push_back(e);
    v.settings = value(std::move(rest), item.where());
  }

  const value* find(std::string_view name) {
    const auto [group, key] = group_of(name);
    if (group.empty()) return from_.find(name);
    const auto* map = from_.find(group);
    return map != nullptr ? map->find(key) : nullptr;
  }

  const value* take(const field_info& info) {
    names_.push_back(info.name);
    const auto* item = find(info.name);
    if (item == nullptr && info.required)
      add("config.missing-key", from_.where(), fmt::format("`{}` is missing", info.name),
          info.doc.empty() ? "" : fmt::format("`{}`: {}", info.name, info.doc));
    // Nothing, and not the word for it: a reference that failed, which is told already.
    const bool failed = item != nullptr && item->is_null() && item->adapts();
    return failed && item->literal().empty() ? nullptr : item;
  }

  template <class T, class Read>
  void read_list(const field_info& info, std::vector<T>& v, std::string_view expected, Read read) {
    const auto* item = take(info);
    if (item == nullptr) return;
    const auto* list = item->get_if<value::list>();
    if (list == nullptr) {
      wrong_type(info, *item, expected,
                 item->literal().empty() ? "" : fmt::format("write [{}]", item->literal()));
      return;
    }
    std::vector<T> out(list->size());
    for (std::size_t i = 0; i < list->size(); ++i) read(info, (*list)[i], out[i]);
    v = std::move(out);
  }

  void read_number(const field_info& info, const value& item, double& v) {
    double number = 0;
    if (const auto* d = item.get_if<double>())
      number = *d;
    else if (const auto* i = item.get_if<std::int64_t>())
      number = static_cast<double>(*i);
    else
      return wrong_type(info, item, "a number", "");
    if (!std::isfinite(number)) return wrong_type(info, item, "a finite number", "");
    if (in_range(info, number, item.literal(), item)) v = number;
  }

  void read_string(const field_info& info, const value& item, std::string& v) {
    const auto* s = item.get_if<std::string>();
    if (s == nullptr && item.adapts() && !item.literal().empty()) s = &item.literal();
    if (s == nullptr) {
      wrong_type(info, item, "a string",
                 item.literal().empty() ? "" : fmt::format("write \"{}\"", item.literal()));
      return;
    }
    const auto& valid = info.choices;
    if (!valid.empty() && std::find(valid.begin(), valid.end(), *s) == valid.end()) {
      const auto near = nearest(*s, valid);
      add("config.choice", item.where(), fmt::format("`{}` cannot be `{}`", info.name, *s),
          near.empty() ? "" : fmt::format("did you mean `{}`?", near),
          fmt::format("valid values: {}", fmt::join(valid, ", ")));
      return;
    }
    v = *s;
  }

  bool in_range(const field_info& info, double v, const std::string& literal, const value& item) {
    if ((!info.min || v >= *info.min) && (!info.max || v <= *info.max)) return true;
    const auto unit = info.unit.empty() ? "" : " " + info.unit;
    std::string range;
    if (info.min && info.max)
      range = fmt::format("{} to {}{}", number_text(*info.min), number_text(*info.max), unit);
    else if (info.min)
      range = fmt::format("at least {}{}", number_text(*info.min), unit);
    else
      range = fmt::format("at most {}{}", number_text(*info.max), unit);
    add("config.range", item.where(),
        fmt::format("`{}` is {}{}, outside its range", info.name,
                    literal.empty() ? number_text(v) : literal, unit),
        "", fmt::format("valid range: {}", range));
    return false;
  }

  static std::string yes_no_hint(const value& item) {
    const auto* s = item.get_if<std::string>();
    if (s == nullptr) return "";
    std::string low = *s;
    std::transform(low.begin(), low.end(), low.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (low == "yes" || low == "on" || low == "y") return "write true (YAML 1.2)";
    if (low == "no" || low == "off" || low == "n") return "write false (YAML 1.2)";
    return "";
  }

  void wrong_type(const field_info& info, const value& item, std::string_view expected,
                  std::string hint) {
    const auto* s = item.get_if<std::string>();
    const bool wants_number = expected.find("integer") != std::string_view::npos ||
                              expected.find("number") != std::string_view::npos;
    if (s != nullptr && wants_number && is_number_with_unit(*s)) {
      add("config.unit", item.where(),
          fmt::format("`{}` is `{}`: a number carries no unit here", info.name, *s),
          info.unit.empty() ? "write the number alone"
                            : fmt::format("write the number alone; it is in {}", info.unit));
      return;
    }
    if (s != nullptr && wants_number && hint.empty())
      if (const auto number = with_point(*s); !number.empty())
        hint = fmt::format("the decimal sign is a point: write {}", number);
    const auto shown = item.literal().empty() ? "" : fmt::format(" ({})", item.literal());
    add("config.type", item.where(),
        fmt::format("`{}` must be {}, not {}{}", info.name, expected, item.kind_name(), shown),
        std::move(hint));
  }

  void add(std::string code, source_mark where, const std::string& what, std::string hint,
           std::string note = "") {
    diagnostic d;
    d.where = std::move(where);
    d.code = std::move(code);
    d.message = fmt::format("{}: {}", owner_, what);
    d.hint = std::move(hint);
    if (!note.empty()) d.notes.push_back(std::move(note));
    findings_.add(std::move(d));
  }

  const value& from_;
  const std::string& owner_;
  diagnostics& findings_;
  std::vector<std::string> names_;
};

}  // namespace

void add_unknown_key(const std::string& code, const std::string& owner, std::string_view key,
                     const source_mark& where, const std::vector<std::string>& valid,
                     diagnostics& findings) {
  auto near = nearest(key, valid);
  for (const auto& v : valid)  // `hold` or `hold_s` for `hold_ms`
    if (near.empty() && v != key &&
        (stem_without_unit(v) == key || stem_without_unit(v) == stem_without_unit(key)))
      near = v;
  diagnostic d;
  d.where = where;
  d.code = code;
  d.message = fmt::format("{}: unknown key `{}`", owner, key);
  if (!near.empty()) d.hint = fmt::format("did you mean `{}`?", near);
  d.notes.push_back(valid.empty() ? "no keys are valid here"
                                  : fmt::format("valid keys: {}", fmt::join(valid, ", ")));
  findings.add(std::move(d));
}

namespace {

/// The keys of a group among `names`; empty where it is none.
std::vector<std::string> keys_of_group(const std::vector<std::string>& names,
                                       std::string_view group) {
  std::vector<std::string> out;
  for (const auto& n : names)
    if (const auto [g, key] = group_of(n); g == group && !g.empty()) out.emplace_back(key);
  return out;
}

/// What is wrong with a map inside the map.
void check_group(const value::entry& e, const std::vector<std::string>& keys,
                 const std::string& owner, diagnostics& findings) {
  const auto* map = e.item.get_if<value::map>();
  if (map == nullptr) {
    diagnostic d;
    d.where = e.item.where();
    d.code = "config.type";
    d.message = fmt::format("{}: `{}` must be a map, not {}", owner, e.key, e.item.kind_name());
    d.notes.push_back(fmt::format("valid keys: {}", fmt::join(keys, ", ")));
    findings.add(std::move(d));
    return;
  }
  for (const auto& inner : *map)
    if (std::find(keys.begin(), keys.end(), inner.key) == keys.end())
      add_unknown_key("config.unknown-key", fmt::format("{}: `{}`", owner, e.key), inner.key,
                      inner.key_where, keys, findings);
}

/// Names as they stand in the map itself: a group once.
std::vector<std::string> outer_names(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const auto& n : names) {
    const auto [group, key] = group_of(n);
    const std::string outer(group.empty() ? key : group);
    if (std::find(out.begin(), out.end(), outer) == out.end()) out.push_back(outer);
  }
  return out;
}

/// `{pad_s: 0,5}` is read as two entries, `pad_s: 0` and `5`: told as what was meant.
bool told_comma(const value::map& map, const value::entry& entry, const std::string& owner,
                diagnostics& findings) {
  if (&entry == map.data() || !entry.item.is_null() || !entry.item.literal().empty()) return false;
  const auto& before = *(&entry - 1);
  const auto number = with_point(before.item.literal() + "," + entry.key);
  if (before.item.get_if<std::int64_t>() == nullptr || number.empty()) return false;
  diagnostic d;
  d.where = before.item.where();
  d.code = "config.type";
  d.message = fmt::format("{}: `{}: {},{}` is two entries: inside {{…}} a comma ends a value",
                          owner, before.key, before.item.literal(), entry.key);
  d.hint = fmt::format("the decimal sign is a point: write {}", number);
  findings.add(std::move(d));
  return true;
}

}  // namespace

void read_config(const value& from, config_base& into, const std::string& owner,
                 const std::vector<std::string>& reserved, diagnostics& findings) {
  const auto* map = from.get_if<value::map>();
  if (map == nullptr) {
    diagnostic d;
    d.where = from.where();
    d.code = "config.type";
    d.message = fmt::format("{}: must be a map of keys, not {}", owner, from.kind_name());
    findings.add(std::move(d));
    return;
  }
  reader r(from, owner, findings);
  into.visit(r);
  const auto names = outer_names(r.names());
  for (const auto& e : *map) {
    if (told_comma(*map, e, owner, findings)) continue;
    if (const auto keys = keys_of_group(r.names(), e.key); !keys.empty()) {
      check_group(e, keys, owner, findings);
      continue;
    }
    if (std::find(names.begin(), names.end(), e.key) != names.end()) continue;
    if (std::find(reserved.begin(), reserved.end(), e.key) != reserved.end()) continue;
    std::vector<std::string> valid = names;
    valid.insert(valid.end(), reserved.begin(), reserved.end());
    add_unknown_key("config.unknown-key", owner, e.key, e.key_where, valid, findings);
  }
}

}  // namespace hocket
