#include "actors/openapi/schemas.hpp"

#include <set>

namespace hocket::openapi {
namespace {

constexpr int depth_max = 64;
constexpr int references_max = 64;            ///< that lead from one to the next
constexpr std::size_t definitions_max = 500;  ///< of one operation

enum class holds { schema, schemas, named, notes, value };

/// What stands under a keyword; names inside `named` are the document's own, and no keywords.
holds what_holds(const std::string& key) {
  static const std::map<std::string, holds> known = {
      {"properties", holds::named},
      {"patternProperties", holds::named},
      {"$defs", holds::named},
      {"definitions", holds::named},
      {"dependentSchemas", holds::named},
      {"dependencies", holds::named},
      {"allOf", holds::schemas},
      {"anyOf", holds::schemas},
      {"oneOf", holds::schemas},
      {"prefixItems", holds::schemas},
      {"items", holds::schema},
      {"additionalItems", holds::schema},
      {"additionalProperties", holds::schema},
      {"unevaluatedItems", holds::schema},
      {"unevaluatedProperties", holds::schema},
      {"propertyNames", holds::schema},
      {"contains", holds::schema},
      {"not", holds::schema},
      {"if", holds::schema},
      {"then", holds::schema},
      {"else", holds::schema},
      {"example", holds::notes},
      {"examples", holds::notes},
      {"xml", holds::notes},
      {"externalDocs", holds::notes},
      {"discriminator", holds::notes},
      {"nullable", holds::notes},
  };
  if (key.starts_with("x-")) return holds::notes;
  const auto it = known.find(key);
  return it == known.end() ? holds::value : it->second;
}

/// A name that is new: this kind of object looks for it among all others otherwise.
void append(json& object, const std::string& name, json item) {
  object.get_ref<json::object_t&>().emplace_back(name, std::move(item));
}

void as_in_31(const json& s, json& out) {
  const auto is_on = [&](const char* key) {
    const auto* v = find(s, key);
    return v != nullptr && v->is_boolean() && v->get<bool>();
  };
  if (is_on("nullable") && s.contains("type") && s["type"].is_string())
    out["type"] = json::array({s["type"], "null"});
  for (const auto& [flag, limit] :
       {std::pair("exclusiveMinimum", "minimum"), std::pair("exclusiveMaximum", "maximum")}) {
    if (!s.contains(flag) || !s[flag].is_boolean()) continue;
    out.erase(flag);
    if (is_on(flag) && s.contains(limit)) {
      out[flag] = s[limit];
      out.erase(limit);
    }
  }
}

}  // namespace

const json* find(const json& in, const char* key) {
  if (!in.is_object()) return nullptr;
  const auto it = in.find(key);
  return it == in.end() ? nullptr : &*it;
}

std::string text_of(const json& in, const char* key) {
  const auto* v = find(in, key);
  return v != nullptr && v->is_string() ? v->get<std::string>() : "";
}

void schema_copier::begin() {
  names_.clear();
  wanted_.clear();
  left_ = schema_bytes_max;
}

const json* schema_copier::followed(const json& from) {
  const auto* at = &from;
  for (int i = 0; i < references_max; ++i) {
    const auto ref = text_of(*at, "$ref");
    if (ref.empty()) return at->is_object() ? at : nullptr;
    at = target(ref);
    if (at == nullptr) return nullptr;
  }
  return nullptr;
}

const json* schema_copier::target(const std::string& ref) {
  if (!ref.starts_with("#/")) return nullptr;
  const auto [it, is_new] = targets_.emplace(ref, nullptr);
  if (is_new) try {
      it->second = &root_.at(json::json_pointer(ref.substr(1)));
    } catch (const json::exception&) {
      return nullptr;  // and so it stays
    }
  return it->second;
}

bool schema_copier::spend(std::size_t bytes) {
  const bool enough = bytes <= left_;
  left_ = enough ? left_ - bytes : 0;
  return enough;
}

bool schema_copier::spend_all(const json& v) {
  if (!spend(v.is_string() ? v.get_ref<const std::string&>().size() + 2 : 1)) return false;
  if (!v.is_structured()) return true;
  for (const auto& [key, item] : v.items())
    if ((v.is_object() && !spend(key.size() + 3)) || !spend_all(item)) return false;
  return true;
}

std::optional<json> schema_copier::copied(const json& s) { return schema(s, 0); }

std::optional<json> schema_copier::list(const json& all, int depth) {
  json out = json::array();
  for (const auto& i : all) {
    auto one = schema(i, depth);
    if (!one) return {};
    out.push_back(std::move(*one));
  }
  return out;
}

std::optional<json> schema_copier::named(const json& all, int depth) {
  json out = json::object();
  for (const auto& [name, item] : all.items()) {
    // `dependencies` has lists of names, too.
    auto one = item.is_array() ? keyword("", item, depth) : schema(item, depth);
    if (!one || !spend(name.size() + 4)) return {};
    append(out, name, std::move(*one));
  }
  return out;
}

std::optional<json> schema_copier::keyword(const std::string& key, const json& item, int depth) {
  switch (what_holds(key)) {
    case holds::named:
      if (item.is_object()) return named(item, depth);
      break;
    case holds::schema:
    case holds::schemas: return item.is_array() ? list(item, depth) : schema(item, depth);
    case holds::notes:
    case holds::value: break;
  }
  return spend_all(item) ? std::optional(item) : std::nullopt;
}

std::optional<json> schema_copier::schema(const json& s, int depth) {
  if (depth > depth_max) return {};
  if (!s.is_object()) return spend_all(s) ? std::optional(s) : std::nullopt;
  json out = json::object();
  for (const auto& [key, item] : s.items()) {
    if (what_holds(key) == holds::notes) continue;
    if (!spend(key.size() + 4)) return {};
    if (key == "$ref" && item.is_string()) {
      const auto name = defined(item.get<std::string>());
      if (!name) return {};
      out["$ref"] = "#/$defs/" + *name;
      continue;
    }
    auto one = keyword(key, item, depth + 1);
    if (!one) return {};
    append(out, key, std::move(*one));
  }
  as_in_31(s, out);
  return out;
}

/// The name under `$defs` of what a reference leads to; definitions() writes it down.
std::optional<std::string> schema_copier::defined(const std::string& ref) {
  const auto* to = target(ref);
  if (to == nullptr) return {};
  // A number: of names that are cut or cleaned two may become one.
  const auto [it, is_new] = names_.emplace(ref, "");
  if (is_new) {
    it->second = "d" + std::to_string(names_.size());
    wanted_.emplace_back(it->second, to);
  }
  return wanted_.size() <= definitions_max ? std::optional(it->second) : std::nullopt;
}

// One after the other: a chain of them is no nesting.
std::optional<json> schema_copier::definitions() {
  json out = json::object();
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    const auto [name, from] = wanted_[i];
    auto made = schema(*from, 0);
    if (!made) return {};
    append(out, name, std::move(*made));
  }
  return out;
}

}  // namespace hocket::openapi
