#include "graph/payloads/json_rules.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "graph/text/clean.hpp"

namespace hocket::payloads {
namespace {

/// Steps of one judgement: a schema at a place in the value is one, a comparison of values is as many
/// as they have members. A value of 4 MiB under a plain schema takes a tenth of it.
constexpr std::int64_t steps_max = 4'000'000;
constexpr std::size_t told_bytes = 1000;
/// Schemas inside each other while one value is judged: references may lead in circles.
constexpr int nested_max = 512;

bool is_integer(const json& v) {
  if (v.is_number_integer()) return true;
  return v.is_number_float() && std::floor(v.get<double>()) == v.get<double>();
}

bool is_of_type(const json& v, std::string_view type) {
  if (type == "null") return v.is_null();
  if (type == "boolean") return v.is_boolean();
  if (type == "object") return v.is_object();
  if (type == "array") return v.is_array();
  if (type == "number") return v.is_number();
  if (type == "integer") return v.is_number() && is_integer(v);
  return v.is_string();
}

std::string_view type_name(const json& v) {
  for (const std::string_view type : {"null", "boolean", "object", "array", "integer", "number"})
    if (is_of_type(v, type)) return type;
  return "string";
}

/// The library reads what is beyond 63 bits as negative where the other one has a sign.
int compare(const json& a, const json& b) {
  const auto beyond = [](const json& v) {
    return v.is_number_unsigned() && v.get<std::uint64_t>() > INT64_MAX;
  };
  const bool whole = a.is_number_integer() && b.is_number_integer();
  if (whole && beyond(a) != beyond(b)) return beyond(a) ? 1 : -1;
  return a < b ? -1 : b < a ? 1 : 0;
}

std::size_t code_points(const std::string& s) {
  return static_cast<std::size_t>(
      std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool divides(const json& v, const json& by) {
  if (v.is_number_integer() && by.is_number_integer() && by.get<std::int64_t>() != 0 &&
      !v.is_number_unsigned() && !by.is_number_unsigned())
    return v.get<std::int64_t>() % by.get<std::int64_t>() == 0;
  if (v.is_number_unsigned() && by.is_number_unsigned())
    return v.get<std::uint64_t>() % by.get<std::uint64_t>() == 0;
  const double x = v.get<double>() / by.get<double>();
  return std::isfinite(x) && std::abs(x - std::round(x)) <= 1e-9 * std::max(1.0, std::abs(x));
}

}  // namespace

/// Judges one value; made anew for each.
class judge {
 public:
  explicit judge(const json_rules& rules) : rules_(rules) {}

  std::string why(const json& value) {
    return fits(rules_.schema_, value) ? "" : (given_up_.empty() ? why_ : given_up_);
  }

 private:
  bool unfit(std::string what) {
    if (quiet_ == 0 && why_.empty()) {
      std::string at;
      for (const auto& p : place_) at += "/" + p;
      why_ = cut_text(at.empty() ? std::move(what) : fmt::format("{}: {}", at, what), told_bytes);
    }
    return false;
  }
  bool give_up(const char* why) {
    if (given_up_.empty()) given_up_ = why;
    return false;
  }
  bool spend(std::size_t steps) {
    left_ -= static_cast<std::int64_t>(std::min<std::size_t>(steps, steps_max));
    return left_ > 0 || give_up("it takes too much work to judge");
  }

  bool fits(const json& schema, const json& v) {
    if (!given_up_.empty() || !spend(1)) return false;
    if (schema.is_boolean()) return schema.get<bool>() || unfit("nothing is allowed here");
    if (++nested_ > nested_max) return give_up("its schemas lead in a circle, or too deep");
    const bool ok = references(schema, v) && general(schema, v) && combined(schema, v) &&
                    conditional(schema, v) && (!v.is_number() || number(schema, v)) &&
                    (!v.is_string() || words(schema, v)) && (!v.is_array() || list(schema, v)) &&
                    (!v.is_object() || object(schema, v));
    --nested_;
    return ok;
  }
  /// Whether it fits, told to nobody. What is given up counts as neither.
  bool would_fit(const json& schema, const json& v) {
    ++quiet_;
    const bool ok = fits(schema, v);
    --quiet_;
    return ok;
  }
  bool at(std::string part, const json& schema, const json& v) {
    const auto depth = place_.size();
    if (depth < 64) place_.push_back(std::move(part));
    const bool ok = fits(schema, v);
    place_.resize(depth);
    return ok;
  }
  const json* key(const json& schema, const char* name) const {
    const auto it = schema.find(name);
    return it == schema.end() ? nullptr : &*it;
  }

  bool references(const json& schema, const json& v) {
    const auto* ref = key(schema, "$ref");
    return ref == nullptr || fits(*rules_.references_.at(ref->get<std::string>()), v);
  }

  bool same(const json& a, const json& b) { return spend(a.size() + b.size() + 1) && a == b; }

  bool general(const json& schema, const json& v) {
    if (const auto* type = key(schema, "type")) {
      const bool ok = type->is_string()
                          ? is_of_type(v, type->get<std::string>())
                          : std::any_of(type->begin(), type->end(), [&](const json& t) {
                              return is_of_type(v, t.get<std::string>());
                            });
      if (!ok) return unfit(fmt::format("{} where {} is declared", type_name(v), type->dump()));
    }
    if (const auto* all = key(schema, "enum"))
      if (std::none_of(all->begin(), all->end(), [&](const json& e) { return same(e, v); }))
        return unfit(fmt::format("none of the {} values of `enum`", all->size()));
    if (const auto* one = key(schema, "const"); one != nullptr && !same(*one, v))
      return unfit("not the value of `const`");
    return true;
  }

  bool combined(const json& schema, const json& v) {
    if (const auto* all = key(schema, "allOf"))
      for (const auto& s : *all)
        if (!fits(s, v)) return false;
    if (const auto* any = key(schema, "anyOf"))
      if (std::none_of(any->begin(), any->end(), [&](const json& s) { return would_fit(s, v); }))
        return unfit(fmt::format("none of the {} schemas of `anyOf` fits", any->size()));
    if (const auto* one = key(schema, "oneOf")) {
      const auto n =
          std::count_if(one->begin(), one->end(), [&](const json& s) { return would_fit(s, v); });
      if (n != 1) return unfit(fmt::format("{} of the {} schemas of `oneOf` fit", n, one->size()));
    }
    if (const auto* no = key(schema, "not"); no != nullptr && would_fit(*no, v))
      return unfit("what `not` says");
    return given_up_.empty();
  }

  bool conditional(const json& schema, const json& v) {
    const auto* when = key(schema, "if");
    if (when == nullptr) return true;
    const auto* then = key(schema, would_fit(*when, v) ? "then" : "else");
    return given_up_.empty() && (then == nullptr || fits(*then, v));
  }

  bool number(const json& schema, const json& v) {
    if (const auto* k = key(schema, "minimum"); k != nullptr && compare(v, *k) < 0)
      return unfit(fmt::format("less than {}", k->dump()));
    if (const auto* k = key(schema, "maximum"); k != nullptr && compare(v, *k) > 0)
      return unfit(fmt::format("more than {}", k->dump()));
    if (const auto* k = key(schema, "exclusiveMinimum"); k != nullptr && compare(v, *k) <= 0)
      return unfit(fmt::format("not more than {}", k->dump()));
    if (const auto* k = key(schema, "exclusiveMaximum"); k != nullptr && compare(v, *k) >= 0)
      return unfit(fmt::format("not less than {}", k->dump()));
    if (const auto* k = key(schema, "multipleOf"); k != nullptr && !divides(v, *k))
      return unfit(fmt::format("no multiple of {}", k->dump()));
    return true;
  }

  bool counted(const json& schema, const char* least, const char* most, std::size_t n,
               const char* what) {
    if (const auto* k = key(schema, least);
        k != nullptr && static_cast<double>(n) < k->get<double>())
      return unfit(fmt::format("{} {} are fewer than {}", n, what, k->dump()));
    if (const auto* k = key(schema, most);
        k != nullptr && static_cast<double>(n) > k->get<double>())
      return unfit(fmt::format("{} {} are more than {}", n, what, k->dump()));
    return true;
  }

  bool matches(const std::string& expression, const std::string& text) {
    if (!spend(1 + text.size() / 16)) return false;
    const auto how = rules_.patterns_.at(expression).look(text);
    if (how == bounded_pattern::answer::too_much)
      return give_up("one of its patterns takes too much work");
    return how == bounded_pattern::answer::matches;
  }

  bool words(const json& schema, const json& v) {
    const auto& text = v.get_ref<const std::string&>();
    if (!counted(schema, "minLength", "maxLength", code_points(text), "characters")) return false;
    const auto* k = key(schema, "pattern");
    return k == nullptr || matches(k->get<std::string>(), text) ||
           unfit("it does not match `pattern`");
  }

  bool list(const json& schema, const json& v) {
    if (!counted(schema, "minItems", "maxItems", v.size(), "items")) return false;
    if (const auto* k = key(schema, "uniqueItems"); k != nullptr && k->get<bool>() && !unique(v))
      return unfit("the same item twice");
    const auto* items = key(schema, "items");
    const auto* first = key(schema, "prefixItems");
    const auto* rest = items;
    if (items != nullptr && items->is_array()) {  // draft 7
      first = items;
      rest = key(schema, "additionalItems");
    }
    const std::size_t n = first != nullptr ? first->size() : 0;
    for (std::size_t i = 0; i < v.size(); ++i) {
      const auto* s = i < n ? &(*first)[i] : rest;
      if (s != nullptr && !at(std::to_string(i), *s, v[i])) return false;
    }
    return contains(schema, v);
  }

  bool contains(const json& schema, const json& v) {
    const auto* k = key(schema, "contains");
    if (k == nullptr) return true;
    const auto n = static_cast<double>(
        std::count_if(v.begin(), v.end(), [&](const json& i) { return would_fit(*k, i); }));
    const auto* least = key(schema, "minContains");
    const auto* most = key(schema, "maxContains");
    if (!given_up_.empty()) return false;
    if (n < (least != nullptr ? least->get<double>() : 1))
      return unfit("too few items are what `contains` says");
    if (most != nullptr && n > most->get<double>())
      return unfit("too many items are what `contains` says");
    return true;
  }

  bool unique(const json& v) {
    std::vector<const json*> all;
    for (const auto& i : v) all.push_back(&i);
    if (!spend(all.size() * 20)) return false;
    std::sort(all.begin(), all.end(), [](const json* a, const json* b) { return *a < *b; });
    return std::adjacent_find(all.begin(), all.end(),
                              [](const json* a, const json* b) { return *a == *b; }) == all.end();
  }

  bool object(const json& schema, const json& v) {
    if (!counted(schema, "minProperties", "maxProperties", v.size(), "names")) return false;
    if (const auto* k = key(schema, "required"))
      for (const auto& name : *k)
        if (!v.contains(name.get<std::string>()))
          return unfit(fmt::format("`{}` is missing", pointer_part(name.get<std::string>())));
    return depends(schema, v) && members(schema, v);
  }

  bool depends(const json& schema, const json& v) {
    for (const char* which : {"dependentRequired", "dependentSchemas", "dependencies"}) {
      const auto* k = key(schema, which);
      if (k == nullptr) continue;
      for (const auto& [name, needs] : k->items()) {
        if (!v.contains(name)) continue;
        if (!needs.is_array()) {
          if (!fits(needs, v)) return false;
          continue;
        }
        for (const auto& other : needs)
          if (!v.contains(other.get<std::string>()))
            return unfit(fmt::format("`{}` is missing beside `{}`",
                                     pointer_part(other.get<std::string>()), pointer_part(name)));
      }
    }
    return true;
  }

  bool members(const json& schema, const json& v) {
    const auto* named = key(schema, "properties");
    const auto* patterns = key(schema, "patternProperties");
    const auto* others = key(schema, "additionalProperties");
    const auto* names = key(schema, "propertyNames");
    for (const auto& [name, item] : v.items()) {
      if (names != nullptr && !at("*", *names, json(name))) return false;
      bool known = false;
      if (named != nullptr)
        if (const auto it = named->find(name); it != named->end()) {
          known = true;
          if (!at(pointer_part(name), *it, item)) return false;
        }
      if (patterns != nullptr)
        for (const auto& [expression, s] : patterns->items()) {
          if (!matches(expression, name)) {
            if (!given_up_.empty()) return false;
            continue;
          }
          known = true;
          if (!at("*", s, item)) return false;
        }
      if (known || others == nullptr) continue;
      if (others->is_boolean() && !others->get<bool>())
        return unfit("a name that the schema does not have");
      if (!at("*", *others, item)) return false;
    }
    return true;
  }

  const json_rules& rules_;
  std::vector<std::string> place_;
  std::string why_, given_up_;
  std::int64_t left_ = steps_max;
  int nested_ = 0, quiet_ = 0;
};

std::string json_rules::why_unfit(const json& value) const { return judge(*this).why(value); }

}  // namespace hocket::payloads
