#include "engine/language/constraint/json_schema.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

#include "engine/language/constraint/constraint.hpp"
#include "engine/language/constraint/schema_parts.hpp"
#include "engine/language/files/text_checks.hpp"

namespace hocket::language {
namespace {

constexpr std::size_t most_items = 2000;
constexpr std::size_t most_listed = 6;  ///< values of `uniqueItems`, whose orders are all listed

class compiler {
 public:
  compiler(grammar_builder& g, const schema_json& root) : g_(g), reader_(root) {}

  /// The rule of a schema's texts; made once.
  result<int> rule(const schema_json& schema, const std::string& place) {
    const auto key = schema.dump();
    if (const auto known = rules_.find(key); known != rules_.end()) return known->second;
    if (++depth_ > 200) return fail("constraint.too_large", place + ": nested too deeply");
    const int at = g_.reserve();
    rules_[key] = at;
    auto choices = reader_.choices(schema, place);
    if (!choices) return fail(choices);
    std::vector<int> starts;
    for (const auto& one : *choices) HOCKET_TRY(flat(one, place, starts));
    g_.fill(at, g_.choice(starts));
    --depth_;
    return at;
  }

 private:
  int blank(int next) { return g_.optional(g_.literal(" ", next), next); }
  int end() { return end_ < 0 ? end_ = g_.finish() : end_; }

  /// The texts of a flat schema, each from its beginning to the end of the rule.
  result<void> flat(const schema_json& s, const std::string& place, std::vector<int>& starts) {
    if (s.contains("enum")) return listed(s, place, starts);
    for (const auto& type : said_types(s)) {
      auto start = of_type(type, s, place);
      if (!start) return fail(start);
      starts.push_back(*start);
    }
    return {};
  }

  /// The types that a schema is taken for: its own, or those that its keywords speak of.
  static std::vector<std::string> said_types(const schema_json& s) {
    std::vector<std::string> out;
    if (s.contains("type")) {
      const auto types = types_of(s);
      const bool number = std::find(types.begin(), types.end(), "number") != types.end();
      for (const auto& t : types)
        if (t != "integer" || !number) out.push_back(t);
      return out;
    }
    const auto any = [&](std::initializer_list<const char*> keys) {
      return std::any_of(keys.begin(), keys.end(), [&](const char* k) { return s.contains(k); });
    };
    if (any({"properties", "required", "additionalProperties", "patternProperties", "minProperties",
             "maxProperties", "propertyNames"}))
      out.push_back("object");
    if (any({"items", "prefixItems", "minItems", "maxItems", "uniqueItems"}))
      out.push_back("array");
    if (any({"pattern", "minLength", "maxLength", "format"})) out.push_back("string");
    if (any({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}))
      out.push_back("number");
    if (out.empty()) out = {"null", "boolean", "string", "array", "object", "number"};
    return out;
  }

  /// Values that are listed: those of them that the rest of the schema allows.
  result<void> listed(const schema_json& s, const std::string& place, std::vector<int>& starts) {
    if (!s["enum"].is_array()) return schema_bad(place, "`enum` is no list");
    auto rest = s;
    rest.erase("enum");
    std::shared_ptr<const grammar> allowed;
    if (!rest.empty()) {
      auto g = grammar_of_schema(with_definitions(rest));
      if (!g && g.error().code == "constraint.empty") return {};
      if (!g) return fail(g.error().code, place + ": " + g.error().message);
      allowed = *g;
    }
    for (const auto& v : s["enum"]) {
      const auto text = v.dump();
      if (!allowed || allows(allowed, text)) starts.push_back(g_.literal(text, end()));
    }
    return {};
  }
  /// What is left of a schema beside a list is flat, but its parts may refer to the root.
  schema_json with_definitions(schema_json s) const {
    for (const char* key : {"$defs", "definitions"})
      if (const auto& root = reader_.root(); root.is_object() && root.contains(key))
        s[key] = root[key];
    return s;
  }

  result<int> of_type(const std::string& type, const schema_json& s, const std::string& place) {
    if (type == "null") return g_.literal("null", end());
    if (type == "boolean")
      return g_.choice({g_.literal("true", end()), g_.literal("false", end())});
    if (type == "string") return string(s, place);
    if (type == "number" || type == "integer") return number(s, type == "integer", place);
    if (type == "array") return array(s, place);
    if (type == "object") return object(s, place);
    return schema_bad(place, "there is no such type");
  }

  // ---- strings

  result<int> string(const schema_json& s, const std::string& place) {
    auto set = string_texts(s, place);
    if (!set) return fail(set);
    const int close = g_.literal("\"", end());
    if (!*set)
      return g_.literal(
          "\"", g_.star([&](int next) { return g_.json_character(char_set::all(), next); }, close));
    return g_.literal("\"", g_.text(**set, true, close));
  }

  // ---- numbers

  result<int> number(const schema_json& s, bool integer, const std::string& place) {
    auto set = number_texts(s, integer, place);
    if (!set) return fail(set);
    return g_.text(*set, false, end());
  }

  // ---- arrays

  result<int> array(const schema_json& s, const std::string& place) {
    const auto least = schema_size(s, "minItems", place), most = schema_size(s, "maxItems", place);
    if (!least) return fail(least);
    if (!most) return fail(most);
    auto first = schema_json::array();
    schema_json rest = true;
    if (s.contains("prefixItems") && s["prefixItems"].is_array()) first = s["prefixItems"];
    if (s.contains("items")) {
      if (s["items"].is_array()) {
        first = s["items"];
        if (s.contains("additionalItems")) rest = s["additionalItems"];
      } else {
        rest = s["items"];
      }
    }
    if (*most && least->value_or(0) > **most) return g_.choice({});  // no text
    std::size_t count = std::max(first.size(), least->value_or(0));
    if (*most) count = std::max(count, **most);
    if (count > most_items)
      return fail("constraint.too_large", place + ": arrays of over 2000 items");
    if (s.contains("uniqueItems") && s["uniqueItems"] == true && most->value_or(2) > 1)
      return unique(s, rest, first, least->value_or(0), *most, place);
    std::vector<int> rules;
    for (std::size_t i = 0; i < first.size(); ++i) {
      auto r = rule(first[i], place + "/prefixItems/" + std::to_string(i));
      if (!r) return r;
      rules.push_back(*r);
    }
    auto more = rule(rest, place + "/items");
    if (!more) return more;
    return g_.literal("[", items(rules, *more, least->value_or(0), *most));
  }

  /// From behind `[`: so many items at least and at most.
  int items(const std::vector<int>& first, int more, std::size_t least,
            std::optional<std::size_t> most) {
    const int close = g_.literal("]", end());
    const auto fixed = most ? *most : std::max(first.size(), least);
    int after = close;
    if (!most)
      after = g_.star([&](int next) { return g_.literal(",", blank(g_.call(more, next))); }, close);
    const auto begin = [&](std::size_t i, int next) {
      const int item = g_.call(i < first.size() ? first[i] : more, next);
      return i == 0 ? item : g_.literal(",", blank(item));
    };
    if (!most && fixed == 0) return g_.choice({close, g_.call(more, after)});
    for (std::size_t i = fixed; i-- > 0;) {
      const int item = begin(i, after);
      after = i >= least ? g_.choice({close, item}) : item;
    }
    return after;
  }

  /// Different items of a short list, in any order.
  result<int> unique(const schema_json& s, const schema_json& rest, const schema_json& first,
                     std::size_t least, std::optional<std::size_t> most, const std::string& place) {
    auto choices = reader_.choices(rest, place + "/items");
    if (!choices) return fail(choices);
    if (!first.empty() || choices->size() != 1 || !(*choices)[0].contains("enum") ||
        !(*choices)[0]["enum"].is_array() || (*choices)[0]["enum"].size() > most_listed)
      return schema_unsupported(place, s.contains("items")
                                           ? "`uniqueItems` of items that are no short "
                                             "`enum`"
                                           : "`uniqueItems` of any items");
    std::vector<int> rules;
    std::vector<schema_json> values;
    for (const auto& v : (*choices)[0]["enum"]) {
      if (std::find(values.begin(), values.end(), v) != values.end()) continue;
      auto one = (*choices)[0];
      one["enum"] = schema_json::array({v});
      auto r = rule(one, place + "/items");
      if (!r) return r;
      values.push_back(v);
      rules.push_back(*r);
    }
    std::map<unsigned, int> places;  // by the values that were said
    const int close = g_.literal("]", end());
    for (unsigned used = 1u << rules.size(); used-- > 0;) {
      const auto count = static_cast<std::size_t>(__builtin_popcount(used));
      std::vector<int> ways;
      if (count >= least && (!most || count <= *most)) ways.push_back(close);
      if (!most || count < *most)
        for (unsigned i = 0; i < rules.size(); ++i)
          if ((used & 1u << i) == 0) {
            const int item = g_.call(rules[i], places[used | 1u << i]);
            ways.push_back(used == 0 ? item : g_.literal(",", blank(item)));
          }
      places[used] = g_.choice(ways);
    }
    return g_.literal("[", places[0]);
  }

  // ---- objects

  struct property {
    std::string name;
    int value;
    bool required;
  };
  /// Keys that are not named, with what they hold.
  struct open_keys {
    text_set keys;
    int value;
  };

  result<int> object(const schema_json& s, const std::string& place) {
    std::vector<property> named;
    std::vector<open_keys> open;
    HOCKET_TRY(properties(s, place, named, open));
    const auto least = schema_size(s, "minProperties", place),
               most = schema_size(s, "maxProperties", place);
    if (!least) return fail(least);
    if (!most) return fail(most);
    object_state o{named, open, least->value_or(0), *most, g_.literal("}", end()), {}};
    if (std::max({named.size(), o.least, o.most.value_or(0)}) > most_items)
      return fail("constraint.too_large", place + ": too many properties");
    return g_.literal("{", member_from(o, 0, 0, false));
  }

  struct object_state {
    const std::vector<property>& named;
    const std::vector<open_keys>& open;
    std::size_t least;
    std::optional<std::size_t> most;
    int close;
    std::map<std::tuple<std::size_t, std::size_t, bool>, int> known;
  };

  /// How many properties matter: up to the bounds, no further.
  static std::size_t capped(const object_state& o, std::size_t count) {
    return std::min(count, std::max(o.least, o.most ? *o.most + 1 : std::size_t{0}));
  }

  int key_and_value(const std::string& key, int value, bool first, int next) {
    const int pair = g_.literal(schema_json(key).dump() + ":", blank(g_.call(value, next)));
    return first ? pair : g_.literal(",", blank(pair));
  }

  int member_from(object_state& o, std::size_t i, std::size_t count, bool any) {
    const std::tuple key{i, count, any};
    if (const auto known = o.known.find(key); known != o.known.end()) return known->second;
    if (o.known.size() > grammar::max_nodes) return 0;  // refused as too large
    const int at = g_.reserve();
    o.known[key] = at;
    std::vector<int> ways;
    const bool full = o.most && count >= *o.most;
    if (i < o.named.size()) {
      const auto& p = o.named[i];
      if (!full)
        ways.push_back(key_and_value(p.name, p.value, !any,
                                     member_from(o, i + 1, capped(o, count + 1), true)));
      if (!p.required) ways.push_back(member_from(o, i + 1, count, any));
    } else {
      if (count >= o.least && (!o.most || count <= *o.most)) ways.push_back(o.close);
      if (!full)
        for (const auto& k : o.open) {
          const int next = member_from(o, i, capped(o, count + 1), true);
          const int value = g_.literal("\":", blank(g_.call(k.value, next)));
          const int pair = g_.literal("\"", g_.text(k.keys, true, value));
          ways.push_back(any ? g_.literal(",", blank(pair)) : pair);
        }
    }
    g_.fill(at, g_.choice(ways));
    return at;
  }

  result<void> properties(const schema_json& s, const std::string& place,
                          std::vector<property>& named, std::vector<open_keys>& open) {
    const auto none = schema_json::object();
    const auto& all = s.contains("properties") ? s["properties"] : none;
    const auto& patterns = s.contains("patternProperties") ? s["patternProperties"] : none;
    const auto required = s.contains("required") ? s["required"] : schema_json::array();
    if (!all.is_object() || !patterns.is_object() || !required.is_array())
      return schema_bad(place, "`properties`, `patternProperties` or `required` of the wrong kind");
    std::vector<std::pair<text_set, schema_json>> by_pattern;
    for (const auto& [pattern, schema] : patterns.items()) {
      auto set = text_set::of_pattern(pattern, true);
      if (!set) return fail(set.error().code, place + ": " + set.error().message);
      by_pattern.emplace_back(std::move(*set), schema);
    }
    std::optional<text_set> names;
    if (s.contains("propertyNames")) {
      auto set = names_of(s["propertyNames"], place + "/propertyNames");
      if (!set) return fail(set);
      names = std::move(*set);
    }
    std::vector<std::string> keys;
    const auto add = [&](const std::string& name, schema_json schema, bool must) -> result<void> {
      keys.push_back(name);
      for (const auto& [set, with] : by_pattern)
        if (set.has(name)) schema = {{"allOf", {schema, with}}};
      const bool allowed = !names || names->has(name);
      auto value =
          rule(allowed ? schema : schema_json(false), place + "/properties/" + schema_key(name));
      if (!value) return fail(value);
      // Where it can hold nothing it may be left out.
      const auto left = reader_.choices(allowed ? schema : schema_json(false), place);
      if (!left) return fail(left);
      if (left->empty() && !must) return {};
      named.push_back({name, *value, must});
      return {};
    };
    const auto is_required = [&](const std::string& name) {
      return std::find(required.begin(), required.end(), name) != required.end();
    };
    for (const auto& [name, schema] : all.items()) HOCKET_TRY(add(name, schema, is_required(name)));
    for (const auto& one : required) {
      if (!one.is_string()) return schema_bad(place, "`required` names no key");
      const auto name = one.get<std::string>();
      if (all.contains(name) || std::find(keys.begin(), keys.end(), name) != keys.end()) continue;
      const bool patterned = std::any_of(by_pattern.begin(), by_pattern.end(),
                                         [&](const auto& p) { return p.first.has(name); });
      HOCKET_TRY(add(name,
                     patterned                            ? schema_json(true)
                     : s.contains("additionalProperties") ? s["additionalProperties"]
                                                          : schema_json(true),
                     true));
    }
    return open_properties(s, place, keys, by_pattern, names, named, open);
  }

  using pattern_list = std::vector<std::pair<text_set, schema_json>>;

  /// Keys that are not named: by pattern, and the rest.
  result<void> open_properties(const schema_json& s, const std::string& place,
                               const std::vector<std::string>& keys, const pattern_list& by_pattern,
                               const std::optional<text_set>& names,
                               const std::vector<property>& named, std::vector<open_keys>& open) {
    const bool closed = s.contains("additionalProperties") && s["additionalProperties"] == false;
    const auto least = schema_size(s, "minProperties", place);
    if (!least) return fail(least);
    const bool wanted = s.contains("additionalProperties") || least->value_or(0) > named.size() ||
                        (named.empty() && by_pattern.empty() && !s.contains("properties"));
    // Keys are open where the schema says so, or where it names none.
    auto rest = others(text_set::of_texts(keys));
    const auto narrowed = [&](text_set set) -> result<text_set> {
      auto both = common(set, rest);
      return both && names ? common(*both, *names) : both;
    };
    for (std::size_t i = 0; i < by_pattern.size(); ++i) {
      auto set = narrowed(by_pattern[i].first);
      // A key of two patterns would need both schemas: it is left out.
      for (std::size_t j = 0; j < by_pattern.size() && set; ++j)
        if (j != i) set = common(*set, others(by_pattern[j].first));
      if (!set) return fail(set);
      if (set->empty()) continue;
      auto value = rule(by_pattern[i].second, place + "/patternProperties");
      if (!value) return fail(value);
      open.push_back({std::move(*set), *value});
    }
    if (closed || !wanted) return {};
    auto set = narrowed(text_set::all());
    for (std::size_t j = 0; j < by_pattern.size() && set; ++j)
      set = common(*set, others(by_pattern[j].first));
    if (!set) return fail(set);
    if (set->empty()) return {};
    auto value =
        rule(s.contains("additionalProperties") ? s["additionalProperties"] : schema_json(true),
             place + "/additionalProperties");
    if (!value) return fail(value);
    open.push_back({std::move(*set), *value});
    return {};
  }

  /// The texts that `propertyNames` allows.
  result<text_set> names_of(const schema_json& schema, const std::string& place) {
    auto choices = reader_.choices(schema, place);
    if (!choices) return fail(choices);
    if (choices->size() != 1) return schema_unsupported(place, "a choice");
    const auto& one = (*choices)[0];
    if (one.contains("enum")) {
      std::vector<std::string> texts;
      for (const auto& v : one["enum"])
        if (v.is_string()) texts.push_back(v.get<std::string>());
      return text_set::of_texts(texts);
    }
    auto set = string_texts(one, place);
    if (!set) return fail(set);
    return *set ? std::move(**set) : text_set::all();
  }

  grammar_builder& g_;
  schema_reader reader_;
  std::map<std::string, int> rules_;
  int end_ = -1;
  int depth_ = 0;
};

}  // namespace

result<int> add_json(grammar_builder& into, const nlohmann::ordered_json& schema, int next) {
  compiler c(into, schema);
  const auto rule = c.rule(schema, "schema");
  if (!rule) return rule;
  return into.call(*rule, next);
}

result<std::shared_ptr<const grammar>> grammar_of_schema(const nlohmann::ordered_json& schema) {
  grammar_builder g;
  const auto start = add_json(g, schema, g.finish());
  if (!start) return fail(start);
  return g.build(*start);
}

result<std::shared_ptr<const grammar>> grammar_of_pattern(std::string_view pattern) {
  const auto set = text_set::of_pattern(pattern, false);
  if (!set) return fail(set);
  grammar_builder g;
  return g.build(g.text(*set, false, g.finish()));
}

}  // namespace hocket::language
