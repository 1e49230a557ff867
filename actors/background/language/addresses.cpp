#include "actors/background/language/addresses.hpp"

#include <algorithm>

namespace hocket::background {
namespace {

constexpr int deepest = 24;  ///< levels of a schema, references included
constexpr int most_steps = 10'000;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

/// Where `http` begins, in whatever case.
std::size_t find_http(std::string_view text, std::size_t from) {
  constexpr std::string_view http = "http";
  for (auto at = from; at + http.size() <= text.size(); ++at)
    if (std::equal(http.begin(), http.end(), text.begin() + static_cast<std::ptrdiff_t>(at),
                   [](char a, char b) { return a == lower(b); }))
      return at;
  return text.npos;
}

bool begins_address(std::string_view text) {
  std::string head(text.substr(0, 8));
  std::ranges::transform(head, head.begin(), lower);
  return head.starts_with("http://") || head.starts_with("https://");
}

/// Calls `take` with each address of a text, without the mark that ends a sentence.
template <class Take>
void each_address(std::string_view text, const Take& take) {
  for (auto at = find_http(text, 0); at != text.npos; at = find_http(text, at + 4)) {
    const auto rest = text.substr(at);
    if (!begins_address(rest)) continue;
    auto one = rest.substr(0, rest.find_first_of(" \t\r\n<>\"'`()[]{}|\\^"));
    while (!one.empty() && std::string_view(".,;:!?").find(one.back()) != std::string_view::npos)
      one.remove_suffix(1);
    take(one);
  }
}

bool is_address(const json& schema) {
  const auto format = schema.find("format");
  if (format == schema.end() || !format->is_string()) return false;
  const auto& f = format->get_ref<const std::string&>();
  return f == "uri" || f == "url" || f == "iri" || f == "uri-reference" || f == "iri-reference";
}

bool is_among(const std::string& one, const std::vector<std::string>& known) {
  return std::ranges::find(known, one) != known.end();
}

bool is_required(const json& schema, const std::string& key) {
  const auto required = schema.find("required");
  return required != schema.end() && required->is_array() &&
         std::ranges::find(*required, json(key)) != required->end();
}

bool narrow(json& schema, const std::vector<std::string>& known, int depth);

bool narrow_properties(json& schema, const std::vector<std::string>& known, int depth) {
  const auto properties = schema.find("properties");
  if (properties == schema.end() || !properties->is_object()) return true;
  std::vector<std::string> gone;
  for (auto& [key, p] : properties->items())
    if (!narrow(p, known, depth)) gone.push_back(key);
  for (const auto& key : gone) {
    properties->erase(key);
    if (is_required(schema, key)) return false;
  }
  return true;
}

bool narrow_items(json& schema, const std::vector<std::string>& known, int depth) {
  const auto items = schema.find("items");
  if (items == schema.end() || !items->is_object() || narrow(*items, known, depth)) return true;
  const auto least = schema.find("minItems");
  if (least != schema.end() && least->is_number() && *least > 0) return false;
  schema["items"] = json::object();
  schema["maxItems"] = 0;
  return true;
}

bool narrow_ways(json& schema, const std::vector<std::string>& known, int depth) {
  for (const char* key : {"anyOf", "oneOf"}) {
    const auto ways = schema.find(key);
    if (ways == schema.end() || !ways->is_array()) continue;
    json left = json::array();
    for (auto& way : *ways)
      if (narrow(way, known, depth)) left.push_back(way);
    if (left.empty() && !ways->empty()) return false;
    *ways = std::move(left);
  }
  const auto all = schema.find("allOf");
  return all == schema.end() || !all->is_array() ||
         std::ranges::all_of(*all, [&](json& one) { return narrow(one, known, depth); });
}

bool narrow(json& schema, const std::vector<std::string>& known, int depth) {
  if (!schema.is_object() || depth > deepest) return true;
  if (is_address(schema)) {
    if (known.empty()) return false;
    schema = {{"type", "string"}, {"enum", known}};
    return true;
  }
  // What a reference leads to is narrowed where it stands; a value there is judged anyway.
  for (const char* defs : {"$defs", "definitions"})
    if (schema.contains(defs) && schema[defs].is_object())
      for (auto& one : schema[defs]) narrow(one, known, depth + 1);
  return narrow_properties(schema, known, depth + 1) && narrow_items(schema, known, depth + 1) &&
         narrow_ways(schema, known, depth + 1);
}

bool is_of_type(const std::string& type, const json& value) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  return type == value.type_name();
}

/// Whether a value is what a way of a choice is for, as far as type, enum and const tell.
bool is_meant(const json& schema, const json& value) {
  if (const auto only = schema.find("const"); only != schema.end() && *only != value) return false;
  if (const auto all = schema.find("enum");
      all != schema.end() && all->is_array() && std::ranges::find(*all, value) == all->end())
    return false;
  const auto type = schema.find("type");
  if (type == schema.end()) return true;
  if (type->is_string()) return is_of_type(type->get_ref<const std::string&>(), value);
  return !type->is_array() || std::ranges::any_of(*type, [&](const json& one) {
    return one.is_string() && is_of_type(one.get_ref<const std::string&>(), value);
  });
}

/// Judges the values at places that are addresses by the schema. A stranger's schema may lead into itself
/// at every level in many ways: what takes too many steps does not hold.
struct judge {
  const json& root;
  const std::vector<std::string>& known;
  int steps_left = most_steps;

  /// `strictly`: the value must be what the schema is for, too.
  bool holds(const json& schema, const json& value, int depth, bool strictly) {
    if (!schema.is_object() || depth > deepest) return true;
    if (--steps_left < 0) return false;
    if (is_address(schema) && !value.is_null() &&
        (!value.is_string() || !is_among(value.get<std::string>(), known)))
      return false;
    if (strictly && !is_meant(schema, value)) return false;
    if (const auto ref = schema.find("$ref"); ref != schema.end() && ref->is_string()) {
      const auto& to = ref->get_ref<const std::string&>();
      if (const auto* there = target_of(to); there && !holds(*there, value, depth + 1, strictly))
        return false;
    }
    return ways_hold(schema, value, depth + 1, strictly) &&
           members_hold(schema, value, depth + 1, strictly);
  }

  // One way of a choice is enough, where the value is what it is for. A value that is nowhere what was
  // meant is nobody's address in any way.
  bool ways_hold(const json& schema, const json& value, int depth, bool strictly) {
    const auto hold = [&](bool strict) {
      return [this, &value, depth, strict](const json& way) {
        return holds(way, value, depth, strict);
      };
    };
    for (const char* key : {"anyOf", "oneOf"})
      if (const auto ways = schema.find(key);
          ways != schema.end() && ways->is_array() && !std::ranges::any_of(*ways, hold(true)) &&
          (strictly || !std::ranges::all_of(*ways, hold(false))))
        return false;
    const auto all = schema.find("allOf");
    return all == schema.end() || !all->is_array() || std::ranges::all_of(*all, hold(strictly));
  }

  const json* target_of(const std::string& reference) const {
    if (!reference.starts_with("#/")) return nullptr;
    try {
      const json::json_pointer at(reference.substr(1));
      return root.contains(at) ? &root[at] : nullptr;
    } catch (const json::exception&) {
      return nullptr;  // it is no pointer
    }
  }

  bool members_hold(const json& schema, const json& value, int depth, bool strictly) {
    const auto under = [&](const char* key) -> const json& {
      static const json none;
      return schema.contains(key) ? schema[key] : none;
    };
    if (value.is_object())
      for (const auto& [key, v] : value.items()) {
        const auto& properties = under("properties");
        const bool named = properties.is_object() && properties.contains(key);
        if (!holds(named ? properties[key] : under("additionalProperties"), v, depth, strictly))
          return false;
      }
    if (value.is_array())
      for (std::size_t i = 0; i < value.size(); ++i) {
        const auto& first = under("prefixItems");
        const bool placed = first.is_array() && i < first.size();
        if (!holds(placed ? first[i] : under("items"), value[i], depth, strictly)) return false;
      }
    return true;
  }
};

/// Whether each address in any text of a value is known.
bool texts_hold(const json& value, const std::vector<std::string>& known) {
  if (value.is_string()) {
    bool good = true;
    each_address(value.get_ref<const std::string&>(),
                 [&](std::string_view one) { good = good && is_among(std::string(one), known); });
    return good;
  }
  return !value.is_structured() ||
         std::ranges::all_of(value, [&](const json& v) { return texts_hold(v, known); });
}

}  // namespace

std::vector<std::string> known_addresses(const plan_view& view, const std::string& instructions) {
  constexpr std::size_t most = 64, longest = 2000;
  std::vector<std::string> out;
  const auto add = [&](const std::string& text) {
    each_address(text, [&](std::string_view one) {
      if (out.size() < most && one.size() <= longest && one.find("://") + 3 < one.size() &&
          !is_among(std::string(one), out))
        out.emplace_back(one);
    });
  };
  add(view.task.task);
  add(view.task.transcript);
  add(instructions);
  for (const auto& a : view.so_far) add(a.content);
  return out;
}

bool narrow_addresses(json& schema, const std::vector<std::string>& known) {
  return narrow(schema, known, 0);
}

bool addresses_are_known(const std::string& schema_text, const json& arguments,
                         const std::vector<std::string>& known) {
  const auto schema = json::parse(schema_text, nullptr, false);
  return judge{schema, known}.holds(schema, arguments, 0, false) && texts_hold(arguments, known);
}

}  // namespace hocket::background
