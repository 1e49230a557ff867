// What a JSON Schema must be before it judges anything.
#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "graph/payloads/json_rules.hpp"
#include "graph/payloads/payload_schema.hpp"

namespace hocket::payloads {
namespace {

enum class takes : std::uint8_t {
  schema,          ///< a schema
  schemas,         ///< a list of them, not empty
  named,           ///< an object of them
  schema_or_list,  ///< `items`
  dependencies,    ///< an object of schemas or lists of names
  names,           ///< a list of texts
  lists_of_names,  ///< an object of these
  count,           ///< a whole number, not negative
  number,
  positive,  ///< a number above 0
  flag,
  text,
  type,
  list,
  anything,
};
struct keyword {
  std::string_view name;
  takes what;
};
constexpr std::array keywords = {
    keyword{"$ref", takes::text},
    keyword{"$defs", takes::named},
    keyword{"definitions", takes::named},
    keyword{"type", takes::type},
    keyword{"enum", takes::list},
    keyword{"const", takes::anything},
    keyword{"allOf", takes::schemas},
    keyword{"anyOf", takes::schemas},
    keyword{"oneOf", takes::schemas},
    keyword{"not", takes::schema},
    keyword{"if", takes::schema},
    keyword{"then", takes::schema},
    keyword{"else", takes::schema},
    keyword{"minimum", takes::number},
    keyword{"maximum", takes::number},
    keyword{"exclusiveMinimum", takes::number},
    keyword{"exclusiveMaximum", takes::number},
    keyword{"multipleOf", takes::positive},
    keyword{"minLength", takes::count},
    keyword{"maxLength", takes::count},
    keyword{"pattern", takes::text},
    keyword{"minItems", takes::count},
    keyword{"maxItems", takes::count},
    keyword{"uniqueItems", takes::flag},
    keyword{"items", takes::schema_or_list},
    keyword{"additionalItems", takes::schema},
    keyword{"prefixItems", takes::schemas},
    keyword{"contains", takes::schema},
    keyword{"minContains", takes::count},
    keyword{"maxContains", takes::count},
    keyword{"minProperties", takes::count},
    keyword{"maxProperties", takes::count},
    keyword{"required", takes::names},
    keyword{"properties", takes::named},
    keyword{"patternProperties", takes::named},
    keyword{"additionalProperties", takes::schema},
    keyword{"propertyNames", takes::schema},
    keyword{"dependentRequired", takes::lists_of_names},
    keyword{"dependentSchemas", takes::named},
    keyword{"dependencies", takes::dependencies},
};
/// They change what is allowed, and are not known here.
constexpr std::array<std::string_view, 6> refused = {"$dynamicRef",      "$recursiveRef",
                                                     "$recursiveAnchor", "unevaluatedProperties",
                                                     "unevaluatedItems", "$vocabulary"};
constexpr std::size_t patterns_max = 256;

bool are_names(const json& v) {
  return v.is_array() &&
         std::all_of(v.begin(), v.end(), [](const json& n) { return n.is_string(); });
}

bool is_schema(const json& v) { return v.is_object() || v.is_boolean(); }

bool are_schemas(const json& v) { return std::all_of(v.begin(), v.end(), is_schema); }

bool is_type(const json& v) {
  if (!v.is_string()) return false;
  for (const std::string_view type :
       {"null", "boolean", "object", "array", "number", "integer", "string"})
    if (v.get_ref<const std::string&>() == type) return true;
  return false;
}

/// What is wrong with the value of a keyword; "" where nothing is.
std::string_view why_not(takes what, const json& v) {
  const auto unless = [](bool ok, std::string_view wanted) {
    return ok ? std::string_view() : wanted;
  };
  switch (what) {
    case takes::schema: return unless(is_schema(v), "a schema");
    case takes::schemas:
      return unless(v.is_array() && !v.empty() && are_schemas(v), "a list of schemas");
    case takes::named: return unless(v.is_object() && are_schemas(v), "an object of schemas");
    case takes::schema_or_list:
      return unless(is_schema(v) || (v.is_array() && are_schemas(v)), "a schema or a list of them");
    case takes::dependencies:
      return unless(
          v.is_object() && std::all_of(v.begin(), v.end(),
                                       [](const json& d) { return is_schema(d) || are_names(d); }),
          "an object of schemas or lists of names");
    case takes::names: return unless(are_names(v), "a list of names");
    case takes::lists_of_names:
      return unless(v.is_object() && std::all_of(v.begin(), v.end(), are_names),
                    "an object of lists of names");
    case takes::count:
      return unless(v.is_number() && v.get<double>() >= 0, "a whole number from 0 on");
    case takes::number: return unless(v.is_number(), "a number");
    case takes::positive: return unless(v.is_number() && v.get<double>() > 0, "a number above 0");
    case takes::flag: return unless(v.is_boolean(), "true or false");
    case takes::text: return unless(v.is_string(), "a text");
    case takes::type:
      return unless(
          is_type(v) || (v.is_array() && !v.empty() && std::all_of(v.begin(), v.end(), is_type)),
          "a type or a list of types");
    case takes::list: return unless(v.is_array(), "a list");
    case takes::anything: break;
  }
  return "";
}

}  // namespace

class schema_reader {
 public:
  explicit schema_reader(json_rules& into) : into_(into) {}

  result<void> read() {
    HOCKET_TRY(look(into_.schema_, "", true));
    for (std::size_t i = 0; i < wanted_.size(); ++i) {  // grows: what is referred to may refer on
      const auto [text, place] = wanted_[i];
      auto to = find(text);
      if (!to) return bad(place, fmt::format("`$ref: {}` leads nowhere in this document", text));
      // It may stand where no keyword has a schema.
      HOCKET_TRY(look(**to, text, false));
      into_.references_.emplace(text, *to);
    }
    return {};
  }

 private:
  static tl::unexpected<error> bad(const std::string& place, const std::string& why) {
    return fail("payload.schema", fmt::format("{}: {}", place.empty() ? "#" : place, why));
  }

  result<void> look(const json& s, const std::string& place, bool root) {
    if (!is_schema(s)) return bad(place, "no schema: neither an object nor true or false");
    if (s.is_boolean() || !is_new(s)) return {};
    for (const auto& name : refused)
      if (s.contains(std::string(name)))
        return bad(place, fmt::format("`{}` is not known here", name));
    if (!root && s.contains("$id") && s["$id"].is_string() &&
        !s["$id"].get_ref<const std::string&>().starts_with('#'))
      return bad(place, "`$id` inside a schema is not known here");
    for (const auto& k : keywords) {
      const auto it = s.find(std::string(k.name));
      if (it == s.end()) continue;
      const auto at = place + "/" + std::string(k.name);
      if (const auto wanted = why_not(k.what, *it); !wanted.empty())
        return bad(at, fmt::format("it must be {}", wanted));
      HOCKET_TRY(inside(k, *it, at));
    }
    return {};
  }

  /// Whether it is new; the same one may be reached in several ways.
  bool is_new(const json& s) {
    if (!seen_.insert(&s).second) return false;
    for (const char* key : {"$anchor", "$id"})
      if (const auto it = s.find(key); it != s.end() && it->is_string()) {
        const auto& text = it->get_ref<const std::string&>();
        anchors_.emplace(text.starts_with('#') ? text.substr(1) : text, &s);
      }
    return true;
  }

  result<void> inside(const keyword& k, const json& v, const std::string& at) {
    if (k.name == "$ref") {
      const auto& text = v.get_ref<const std::string&>();
      if (known_.insert(text).second) wanted_.emplace_back(text, at);
    } else if (k.name == "pattern") {
      HOCKET_TRY(pattern(v.get<std::string>(), at));
    } else if (k.name == "patternProperties") {
      for (const auto& [expression, s] : v.items()) HOCKET_TRY(pattern(expression, at));
    }
    const bool one = k.what == takes::schema || (k.what == takes::schema_or_list && is_schema(v));
    if (one) return look(v, at, false);
    if (k.what == takes::schemas || k.what == takes::schema_or_list)
      for (std::size_t i = 0; i < v.size(); ++i)
        HOCKET_TRY(look(v[i], fmt::format("{}/{}", at, i), false));
    if (k.what == takes::named || k.what == takes::dependencies)
      for (const auto& [name, s] : v.items())
        if (is_schema(s)) HOCKET_TRY(look(s, at + "/" + pointer_part(name), false));
    return {};
  }

  result<void> pattern(const std::string& expression, const std::string& at) {
    if (into_.patterns_.contains(expression)) return {};
    if (into_.patterns_.size() >= patterns_max)
      return bad(at, fmt::format("more than {} patterns", patterns_max));
    auto made = bounded_pattern::make(expression);
    if (!made) return bad(at, made.error().message);
    into_.patterns_.emplace(expression, std::move(*made));
    return {};
  }

  std::optional<const json*> find(const std::string& ref) const {
    if (!ref.starts_with('#')) return {};
    const auto text = unescaped(ref.substr(1));
    if (!text) return {};
    if (!text->empty() && text->front() != '/') return anchor(*text);
    try {
      return &into_.schema_.at(json::json_pointer(*text));
    } catch (const json::exception&) {
      return {};
    }
  }

  std::optional<const json*> anchor(const std::string& name) const {
    const auto it = anchors_.find(name);
    return it == anchors_.end() ? std::nullopt : std::optional(it->second);
  }

  static std::optional<std::string> unescaped(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '%') {
        out += text[i];
        continue;
      }
      if (i + 2 >= text.size() || !std::isxdigit(static_cast<unsigned char>(text[i + 1])) ||
          !std::isxdigit(static_cast<unsigned char>(text[i + 2])))
        return {};
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    }
    return out;
  }

  json_rules& into_;
  std::unordered_set<const json*> seen_;
  std::map<std::string, const json*> anchors_;
  std::unordered_set<std::string> known_;
  std::vector<std::pair<std::string, std::string>> wanted_;  ///< references and their places
};

result<std::shared_ptr<const json_rules>> json_rules::read(json schema) {
  auto out = std::make_shared<json_rules>();
  out->schema_ = std::move(schema);
  HOCKET_TRY(schema_reader(*out).read());
  if (out->leads_in_circle()) return fail("payload.schema", "#: its references lead in a circle");
  return std::shared_ptr<const json_rules>(std::move(out));
}

namespace {

class json_schema_rules final : public payload_schema {
 public:
  json_schema_rules(std::string name, std::string text, std::shared_ptr<const json_rules> rules)
      : payload_schema(std::move(name), form::json, std::move(text), ""),
        rules_(std::move(rules)) {}

  std::string why_unfit(const payload& what) const override {
    const auto* t = std::get_if<hocket::text>(&what);
    if (t == nullptr) return "JSON is a text";
    if (!t->final) return "a part of a text, which is no JSON yet";
    const auto value = parse_json(t->value, json_bytes_max, json_depth_max);
    if (!value) return value.error().message;
    return rules_->why_unfit(*value);
  }
  std::string json_of(const payload& what) const override {
    const auto* t = std::get_if<hocket::text>(&what);
    return t == nullptr ? "" : t->value;
  }
  result<payload> typed(const std::string& words) const override {
    payload out = hocket::text{.value = words, .role = "user"};
    if (const auto why = why_unfit(out); !why.empty())
      return fail("payload.json", fmt::format("no `{}`: {}", name(), why));
    return out;
  }

 private:
  std::shared_ptr<const json_rules> rules_;
};

}  // namespace

result<schema_ptr> json_schema(std::string name, std::string text) {
  auto parsed = parse_json(text, schema_bytes_max, json_depth_max);
  if (!parsed) return fail("payload.schema", parsed.error().message);
  text = parsed->dump();  // the same schema, however it was laid out
  auto rules = json_rules::read(std::move(*parsed));
  if (!rules) return fail(rules);
  return schema_ptr(
      std::make_shared<json_schema_rules>(std::move(name), std::move(text), std::move(*rules)));
}

}  // namespace hocket::payloads
