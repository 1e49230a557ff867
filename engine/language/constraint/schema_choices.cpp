// Schemas without references and combinations: what anyOf, allOf and $ref come to.
#include <algorithm>
#include <array>
#include <numeric>
#include <set>

#include "engine/language/constraint/schema_parts.hpp"
#include "engine/language/files/text_checks.hpp"

namespace hocket::language {
namespace {

constexpr std::size_t most_choices = 256;
constexpr int most_depth = 64;

/// Keywords that a text is not held to here, so that a schema with one is refused.
constexpr std::array refused{"not",
                             "if",
                             "then",
                             "else",
                             "contains",
                             "minContains",
                             "maxContains",
                             "dependentSchemas",
                             "dependencies",
                             "unevaluatedItems",
                             "unevaluatedProperties",
                             "$dynamicRef",
                             "$recursiveRef"};

std::string unescaped(std::string part) {
  const auto replace = [&](const char* what, const char* by) {
    for (std::size_t at = 0; (at = part.find(what, at)) != std::string::npos; ++at)
      part.replace(at, 2, by);
  };
  replace("~1", "/");
  replace("~0", "~");
  return part;
}

/// `%25` and the like of a reference's fragment.
std::string without_percents(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) {
      const auto c = at < text.size() ? text[at] : '?';
      return c >= '0' && c <= '9'   ? c - '0'
             : c >= 'a' && c <= 'f' ? c - 'a' + 10
             : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                    : -1;
    };
    if (text[i] == '%' && digit(i + 1) >= 0 && digit(i + 2) >= 0) {
      out += static_cast<char>(digit(i + 1) * 16 + digit(i + 2));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool matches_type(const std::string& type, const schema_json& v) {
  return type == "null"      ? v.is_null()
         : type == "boolean" ? v.is_boolean()
         : type == "string"  ? v.is_string()
         : type == "array"   ? v.is_array()
         : type == "object"  ? v.is_object()
         : type == "number"
             ? v.is_number()
             : v.is_number_integer() ||
                   (v.is_number() && v.get<double>() == std::int64_t(v.get<double>()));
}

schema_json listed(const schema_json& v) { return v.is_array() ? v : schema_json::array({v}); }

schema_json all_of(const schema_json& a, const schema_json& b) {
  if (a == b || b == true) return a;
  if (a == true) return b;
  return {{"allOf", {a, b}}};
}

const schema_json* member(const schema_json& s, const char* key) {
  const auto found = s.find(key);
  return found == s.end() ? nullptr : &*found;
}

/// The schema of a key that `s` does not name.
schema_json of_unnamed(const schema_json& s) {
  const auto* more = member(s, "additionalProperties");
  return more && !s.contains("patternProperties") ? *more : schema_json(true);
}

void merge_properties(const schema_json& a, const schema_json& b, schema_json& out) {
  auto all = schema_json::object();
  const auto none = schema_json::object();
  const auto* pa = member(a, "properties");
  const auto* pb = member(b, "properties");
  if (!pa) pa = &none;
  if (!pb) pb = &none;
  for (const auto& [key, s] : pa->items())
    all[key] = all_of(s, pb->contains(key) ? (*pb)[key] : of_unnamed(b));
  for (const auto& [key, s] : pb->items())
    if (!pa->contains(key)) all[key] = all_of(s, of_unnamed(a));
  if (!all.empty()) out["properties"] = std::move(all);
}

/// What both of two schemas of types say, "integer" being part of "number".
schema_json common_types(const schema_json& a, const schema_json& b) {
  auto out = schema_json::array();
  const auto ta = types_of({{"type", a}}), tb = types_of({{"type", b}});
  for (const auto& t : ta)
    if (std::find(tb.begin(), tb.end(), t) != tb.end()) out.push_back(t);
  return out;
}

}  // namespace

std::vector<std::string> types_of(const schema_json& flat) {
  std::set<std::string> out;
  const auto* type = member(flat, "type");
  if (!type)
    out = {"null", "boolean", "string", "array", "object", "number", "integer"};
  else
    for (const auto& t : listed(*type))
      if (t.is_string()) out.insert(t.get<std::string>());
  if (out.contains("number")) out.insert("integer");
  return {out.begin(), out.end()};
}

bool disjoint(const schema_json& a, const schema_json& b) {
  if (a == false || b == false) return true;
  if (!a.is_object() || !b.is_object()) return false;
  const auto values = [](const schema_json& s) -> schema_json {
    if (s.contains("const")) return schema_json::array({s["const"]});
    return s.contains("enum") ? s["enum"] : schema_json();
  };
  const auto va = values(a), vb = values(b);
  const auto outside = [](const schema_json& list, const schema_json& s) {
    const auto types = types_of(s);
    return std::all_of(list.begin(), list.end(), [&](const schema_json& v) {
      return std::none_of(types.begin(), types.end(),
                          [&](const std::string& t) { return matches_type(t, v); });
    });
  };
  if (!va.is_null() && !vb.is_null())
    return std::none_of(va.begin(), va.end(), [&](const schema_json& v) {
      return std::find(vb.begin(), vb.end(), v) != vb.end();
    });
  if (!va.is_null() && outside(va, b)) return true;
  if (!vb.is_null() && outside(vb, a)) return true;
  const auto ta = types_of(a), tb = types_of(b);
  std::vector<std::string> both;
  std::set_intersection(ta.begin(), ta.end(), tb.begin(), tb.end(), std::back_inserter(both));
  if (both.empty()) return true;
  if (both != std::vector<std::string>{"object"}) return false;
  // Both are objects: a key that both need, or that one needs and the other forbids.
  const auto needs = [](const schema_json& s, const std::string& key) {
    const auto* required = member(s, "required");
    return required && std::find(required->begin(), required->end(), key) != required->end();
  };
  const auto of_key = [](const schema_json& s, const std::string& key) {
    const auto* p = member(s, "properties");
    return p && p->contains(key) ? (*p)[key] : of_unnamed(s);
  };
  for (const auto* s : {&a, &b})
    if (const auto* required = member(*s, "required"))
      for (const auto& one : *required) {
        if (!one.is_string()) continue;
        const auto key = one.get<std::string>();
        const auto ka = of_key(a, key), kb = of_key(b, key);
        if ((needs(a, key) && kb == false) || (needs(b, key) && ka == false)) return true;
        if (needs(a, key) && needs(b, key) && disjoint(ka, kb)) return true;
      }
  return false;
}

result<schema_json> merged(const schema_json& a, const schema_json& b, const std::string& place) {
  if (a == true) return b;
  if (b == true) return a;
  if (a == false || b == false) return schema_json(false);
  schema_json out = a;
  merge_properties(a, b, out);
  for (const auto& [key, v] : b.items()) {
    if (key == "properties") continue;
    if (!a.contains(key)) {
      out[key] = v;
      continue;
    }
    const auto& w = a[key];
    if (w == v) continue;
    if (key == "type") {
      out[key] = common_types(w, v);
    } else if (key == "enum") {
      auto both = schema_json::array();
      for (const auto& one : w)
        if (std::find(v.begin(), v.end(), one) != v.end()) both.push_back(one);
      out[key] = both;
    } else if (key == "required") {
      if (!v.is_array() || !w.is_array()) return schema_bad(place, "`required` is no list");
      for (const auto& one : v)
        if (std::find(w.begin(), w.end(), one) == w.end()) out[key].push_back(one);
    } else if (key.starts_with("min") || key == "exclusiveMinimum") {
      if (!v.is_number() || !w.is_number())
        return schema_unsupported(place, "two kinds of `" + key + "`");
      if (v.get<double>() > w.get<double>()) out[key] = v;
    } else if (key.starts_with("max") || key == "exclusiveMaximum") {
      if (!v.is_number() || !w.is_number())
        return schema_unsupported(place, "two kinds of `" + key + "`");
      if (v.get<double>() < w.get<double>()) out[key] = v;
    } else if (key == "pattern" || key == "format") {
      auto both = listed(w);
      for (const auto& one : listed(v)) both.push_back(one);
      out[key] = both;
    } else if (key == "multipleOf" && v.is_number_unsigned() && w.is_number_unsigned()) {
      out[key] = std::lcm(v.get<std::uint64_t>(), w.get<std::uint64_t>());
    } else if (key == "items" || key == "additionalProperties" || key == "additionalItems" ||
               key == "propertyNames") {
      out[key] = all_of(w, v);
    } else if (key == "patternProperties") {
      for (const auto& [pattern, s] : v.items())
        out[key][pattern] = w.contains(pattern) ? all_of(w[pattern], s) : s;
    } else if (key == "uniqueItems") {
      out[key] = w == true || v == true;
    } else if (key == "prefixItems" || key == "multipleOf") {
      return schema_unsupported(place, "`" + key + "` that is said twice");
    }
  }
  return out;
}

result<schema_json> schema_reader::referred(const std::string& reference,
                                            const std::string& place) const {
  if (!reference.starts_with('#'))
    return schema_unsupported(place, "a reference outside of the schema (`" +
                                         (is_plain_text(reference) ? reference : std::string("?")) +
                                         "`)");
  const auto pointer = without_percents(reference.substr(1));
  if (!pointer.empty() && pointer[0] != '/') {
    for (const char* key : {"$defs", "definitions"})
      if (const auto* defs = member(root_, key); defs && defs->is_object())
        for (const auto& [name, s] : defs->items())
          if (s.is_object() && s.contains("$anchor") && s["$anchor"] == pointer) return s;
    return schema_bad(place, "no such anchor: " + reference);
  }
  const schema_json* at = &root_;
  for (std::size_t i = 0; i < pointer.size();) {
    const auto end = std::min(pointer.find('/', i + 1), pointer.size());
    const auto part = unescaped(pointer.substr(i + 1, end - i - 1));
    i = end;
    if (at->is_object() && at->contains(part)) {
      at = &(*at)[part];
    } else if (at->is_array() && !part.empty() && part.size() < 6 &&
               part.find_first_not_of("0123456789") == part.npos && std::stoul(part) < at->size()) {
      at = &(*at)[std::stoul(part)];
    } else {
      return schema_bad(place, "no such place in the schema: " +
                                   (is_plain_text(reference) ? reference : std::string("?")));
    }
  }
  return *at;
}

/// The choices of each member of a combination, all together (allOf) or one after the other.
result<std::vector<schema_json>> schema_reader::combined(const schema_json& schema, const char* key,
                                                         const std::string& place,
                                                         int depth) const {
  const auto here = place + "/" + key;
  const auto& list = schema[key];
  if (!list.is_array() || list.empty()) return schema_bad(here, "a list of schemas is wanted");
  const bool all = std::string_view(key) == "allOf", one = std::string_view(key) == "oneOf";
  std::vector<schema_json> out;
  if (all) out.push_back(true);
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto mine = choices(list[i], here + "/" + std::to_string(i), depth + 1);
    if (!mine) return mine;
    if (!all) {
      if (one)
        for (const auto& a : out)
          for (const auto& b : *mine)
            if (!disjoint(a, b))
              return schema_unsupported(here, "choice " + std::to_string(i) +
                                                  ", which may hold together with one before it,");
      out.insert(out.end(), mine->begin(), mine->end());
      continue;
    }
    std::vector<schema_json> both;
    for (const auto& a : out)
      for (const auto& b : *mine) {
        auto m = merged(a, b, here);
        if (!m) return fail(m);
        if (*m != false) both.push_back(std::move(*m));
      }
    out = std::move(both);
    if (out.size() > most_choices) return fail("constraint.too_large", here + ": too many choices");
  }
  return out;
}

result<std::vector<schema_json>> schema_reader::choices(const schema_json& schema,
                                                        const std::string& place, int depth) const {
  using list = std::vector<schema_json>;
  if (depth > most_depth) return schema_bad(place, "it refers to itself without end");
  if (schema.is_boolean()) return schema == true ? list{schema_json::object()} : list{};
  if (!schema.is_object()) return schema_bad(place, "a schema is an object, true or false");
  for (const char* key : refused)
    if (schema.contains(key)) return schema_unsupported(place, std::string("`") + key + "`");
  schema_json base = schema;
  for (const char* key : {"$ref", "allOf", "anyOf", "oneOf", "const", "dependentRequired", "$defs",
                          "definitions", "title", "description", "default", "examples", "example",
                          "$schema", "$id", "$comment", "$anchor"})
    base.erase(key);
  if (schema.contains("const")) {
    auto value = schema_json{{"enum", schema_json::array({schema["const"]})}};
    auto m = merged(base, value, place);
    if (!m) return fail(m);
    base = std::move(*m);
  }
  list out{base};
  const auto join = [&](const result<list>& with) -> result<void> {
    if (!with) return fail(with);
    list both;
    for (const auto& a : out)
      for (const auto& b : *with) {
        auto m = merged(a, b, place);
        if (!m) return fail(m);
        if (*m != false) both.push_back(std::move(*m));
      }
    out = std::move(both);
    if (out.size() > most_choices)
      return fail("constraint.too_large", place + ": too many choices");
    return {};
  };
  if (schema.contains("$ref")) {
    if (!schema["$ref"].is_string()) return schema_bad(place, "`$ref` is no text");
    const auto target = referred(schema["$ref"].get<std::string>(), place);
    if (!target) return fail(target);
    HOCKET_TRY(join(choices(*target, schema["$ref"].get<std::string>(), depth + 1)));
  }
  for (const char* key : {"allOf", "anyOf", "oneOf"})
    if (schema.contains(key)) HOCKET_TRY(join(combined(schema, key, place, depth)));
  if (const auto* needs = member(schema, "dependentRequired"); needs && needs->is_object())
    for (const auto& [key, others] : needs->items()) {
      auto required = schema_json::array({key});
      for (const auto& one : others) required.push_back(one);
      HOCKET_TRY(join(
          list{schema_json{{"properties", {{key, false}}}}, schema_json{{"required", required}}}));
    }
  return out;
}

}  // namespace hocket::language
