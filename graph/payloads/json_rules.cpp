#include "graph/payloads/json_rules.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "graph/text/clean.hpp"

namespace hocket::payloads {
namespace {

/// Steps of one judgement: a schema at a place in the value is one, and so is each item of a keyword's
/// list; a comparison of values is as many as they have parts. A value of 4 MiB under a plain schema takes
/// a tenth of it.
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

/// The library compares what is beyond 63 bits as negative, and what is beyond 53 as a double; this type
/// holds all three kinds of numbers exactly.
long double number_of(const json& v) {
  if (v.is_number_unsigned()) return static_cast<long double>(v.get<std::uint64_t>());
  if (v.is_number_integer()) return static_cast<long double>(v.get<std::int64_t>());
  return static_cast<long double>(v.get<double>());
}
static_assert(std::numeric_limits<long double>::digits >= 64);

int compare_numbers(const json& a, const json& b) {
  const auto x = number_of(a), y = number_of(b);
  return x < y ? -1 : y < x ? 1 : 0;
}

std::size_t code_points(const std::string& s) {
  return static_cast<std::size_t>(
      std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

/// Of an integer, whatever its sign.
std::uint64_t size_of(const json& n) {
  if (n.is_number_unsigned() || n.get<std::int64_t>() >= 0) return n.get<std::uint64_t>();
  return 0 - static_cast<std::uint64_t>(n.get<std::int64_t>());
}

bool divides(const json& v, const json& by) {
  if (v.is_number_integer() && by.is_number_integer() && size_of(by) != 0)
    return size_of(v) % size_of(by) == 0;
  const double x = v.get<double>() / by.get<double>();
  return std::isfinite(x) &&
         std::abs(x - std::round(x)) <=
             8 * std::numeric_limits<double>::epsilon() * std::max(1.0, std::abs(x));
}

}  // namespace

/// Judges one value; made anew for each.
class judge {
 public:
  explicit judge(const json_rules& rules) : rules_(rules) {}

  std::string why(const json& value) {
    return fits(rules_.schema_, value) ? "" : (given_up_.empty() ? why_ : given_up_);
  }
  bool was_too_deep() const { return too_deep_; }

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
    if (++nested_ > nested_max) {
      too_deep_ = true;
      return give_up("its schemas lead in a circle, or too deep");
    }
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
    if (ref == nullptr) return true;
    const auto& text = ref->get_ref<const std::string&>();
    return spend(text.size() / 64) && fits(*rules_.references_.at(text), v);
  }

  /// An order of all values, in which 1 and 1.0 are the same; any answer where it is given up.
  int compare(const json& a, const json& b) {
    if (!spend(1)) return 0;
    if (a.is_number() && b.is_number()) return compare_numbers(a, b);
    const auto kind = [](const json& v) {
      return v.is_number() ? json::value_t::number_integer : v.type();
    };
    if (kind(a) != kind(b)) return kind(a) < kind(b) ? -1 : 1;
    if (a.is_boolean()) return static_cast<int>(a.get<bool>()) - static_cast<int>(b.get<bool>());
    if (a.is_string()) {
      const auto &x = a.get_ref<const std::string&>(), &y = b.get_ref<const std::string&>();
      return spend(std::min(x.size(), y.size()) / 64) ? x.compare(y) : 0;
    }
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
    for (auto i = a.begin(), j = b.begin(); i != a.end(); ++i, ++j) {
      if (a.is_object() && spend(i.key().size() / 64))
        if (const int by_name = i.key().compare(j.key()); by_name != 0) return by_name;
      if (const int order = compare(*i, *j); order != 0) return order;
    }
    return 0;
  }
  bool same(const json& a, const json& b) { return compare(a, b) == 0 && given_up_.empty(); }

  bool general(const json& schema, const json& v) {
    if (const auto* type = key(schema, "type")) {
      if (!spend(type->size())) return false;
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
    if (const auto* k = key(schema, "minimum"); k != nullptr && compare_numbers(v, *k) < 0)
      return unfit(fmt::format("less than {}", k->dump()));
    if (const auto* k = key(schema, "maximum"); k != nullptr && compare_numbers(v, *k) > 0)
      return unfit(fmt::format("more than {}", k->dump()));
    if (const auto* k = key(schema, "exclusiveMinimum");
        k != nullptr && compare_numbers(v, *k) <= 0)
      return unfit(fmt::format("not more than {}", k->dump()));
    if (const auto* k = key(schema, "exclusiveMaximum");
        k != nullptr && compare_numbers(v, *k) >= 0)
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
    const auto& pattern = rules_.patterns_.at(expression);
    return spend(pattern.steps(text.size())) && pattern.matches(text);
  }

  bool words(const json& schema, const json& v) {
    const auto& text = v.get_ref<const std::string&>();
    if (!spend(text.size() / 64)) return false;
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
    const auto before = [this](const json* a, const json* b) { return compare(*a, *b) < 0; };
    // A set and no sort: a comparison that is given up in the middle does it no harm.
    std::set<const json*, decltype(before)> seen(before);
    return std::all_of(v.begin(), v.end(), [&](const json& i) { return seen.insert(&i).second; });
  }

  bool object(const json& schema, const json& v) {
    if (!counted(schema, "minProperties", "maxProperties", v.size(), "names")) return false;
    const auto* k = key(schema, "required");
    if (k != nullptr && !spend(k->size())) return false;
    if (k != nullptr)
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
        if (!spend(1 + (needs.is_array() ? needs.size() : 0))) return false;
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
      if (!spend(name.size() / 64)) return false;
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
  bool too_deep_ = false;
};

std::string json_rules::why_unfit(const json& value) const { return judge(*this).why(value); }

bool json_rules::leads_in_circle() const {
  for (const auto& probe :
       {json(nullptr), json(true), json(0), json(""), json::array(), json::object()}) {
    judge one(*this);
    if (!one.why(probe).empty() && one.was_too_deep()) return true;
  }
  return false;
}

}  // namespace hocket::payloads
