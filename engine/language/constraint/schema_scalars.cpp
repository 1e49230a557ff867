// The texts of strings and numbers that a flat schema allows.
#include <cmath>
#include <algorithm>

#include "engine/language/constraint/schema_parts.hpp"
#include "engine/language/files/text_checks.hpp"

namespace hocket::language {

tl::unexpected<error> schema_unsupported(const std::string& place, const std::string& what) {
  return fail("constraint.unsupported", place + ": " + what + " is not supported");
}
tl::unexpected<error> schema_bad(const std::string& place, const std::string& what) {
  return fail("constraint.bad_schema", place + ": " + what);
}
std::string schema_key(const std::string& key) { return is_plain_text(key) ? key : "?"; }

result<std::optional<std::size_t>> schema_size(const schema_json& s, const char* key,
                                               const std::string& place) {
  if (!s.contains(key)) return std::optional<std::size_t>();
  const auto& v = s[key];
  if (!v.is_number() || v.get<double>() < 0 || v.get<double>() > 1e9)
    return schema_bad(place, std::string("`") + key + "` is no number from 0 on");
  return std::optional(static_cast<std::size_t>(v.get<double>()));
}

namespace {

/// The narrower of a bound and an exclusive one; draft 4 has `exclusiveMinimum: true`.
result<void> bound(const schema_json& s, const char* key, const char* exclusive,
                   const std::string& place, std::optional<std::string>& into, bool& outside) {
  const bool is_least = key[1] == 'i';
  std::optional<double> value;
  const auto take = [&](const schema_json& v, bool out) -> result<void> {
    const double x = v.get<double>();
    const bool narrower = !value || (is_least ? x > *value : x < *value);
    if (!narrower && !(x == *value && out)) return {};
    auto text = decimal_text(v);
    if (!text) {
      // Beyond the digits that are written: no bound, or nothing is left.
      if (std::fabs(x) >= 1e15 && (x < 0) == is_least) return {};
      return schema_unsupported(place, std::string("`") + key + "` of so many digits");
    }
    value = x;
    into = std::move(text);
    outside = out;
    return {};
  };
  const bool flag = s.contains(exclusive) && s[exclusive] == true;
  if (s.contains(key)) {
    if (!s[key].is_number()) return schema_bad(place, std::string("`") + key + "` is no number");
    HOCKET_TRY(take(s[key], flag));
  }
  if (s.contains(exclusive) && s[exclusive].is_number()) HOCKET_TRY(take(s[exclusive], true));
  return {};
}

result<text_set> multiples(const schema_json& of, const std::string& place) {
  const auto text = of.is_number() ? decimal_text(of) : std::nullopt;
  if (!text || of.get<double>() <= 0) return schema_bad(place, "`multipleOf` is no number above 0");
  if (const auto point = text->find('.'); point != std::string::npos) {
    // 0.01: so many digits after the point.
    const auto fraction = text->size() - point - 1;
    if (text->find_first_not_of("0.") + 1 != text->size() || text->back() != '1')
      return schema_unsupported(place, "`multipleOf` " + *text);
    return text_set::of_pattern("-?\\d+(?:\\.\\d{1," + std::to_string(fraction) + "})?", false);
  }
  const auto m = std::stoull(*text);
  if (m > 2000) return schema_unsupported(place, "`multipleOf` over 2000");
  // States are remainders: 0 is the beginning, 1 after a sign, 2 + r after digits.
  text_set set;
  set.states.resize(m + 2);
  const auto edges = [&](std::size_t state, std::size_t remainder) {
    for (char32_t d = 0; d < 10; ++d)
      set.states[state].edges.push_back(
          {char_set::of({{U'0' + d, U'0' + d}}), static_cast<int>(2 + (remainder * 10 + d) % m)});
  };
  edges(0, 0);
  set.states[0].edges.push_back({char_set::of({{U'-', U'-'}}), 1});
  edges(1, 0);
  for (std::size_t r = 0; r < m; ++r) edges(2 + r, r);
  set.states[2].accepts = true;
  return set;
}

}  // namespace

result<std::optional<text_set>> string_texts(const schema_json& s, const std::string& place) {
  std::optional<text_set> set;
  const auto narrow = [&](result<text_set> with) -> result<void> {
    if (!with) return fail(with.error().code, place + ": " + with.error().message);
    if (set) with = common(*set, *with);
    if (!with) return fail(with.error().code, place + ": " + with.error().message);
    set = std::move(*with);
    return {};
  };
  const auto each = [&](const char* key, auto&& pattern, bool anywhere) -> result<void> {
    if (!s.contains(key)) return {};
    const auto& v = s[key];
    for (const auto& one : v.is_array() ? v : schema_json::array({v})) {
      if (!one.is_string()) return schema_bad(place, std::string("`") + key + "` is no text");
      if (const auto p = pattern(one.template get<std::string>()); !p.empty())
        HOCKET_TRY(narrow(text_set::of_pattern(p, anywhere)));
    }
    return {};
  };
  HOCKET_TRY(each(
      "pattern", [](const std::string& p) { return p; }, true));
  HOCKET_TRY(each("format", pattern_of_format, false));
  const auto least = schema_size(s, "minLength", place), most = schema_size(s, "maxLength", place);
  if (!least) return fail(least);
  if (!most) return fail(most);
  if (*least || *most) {
    // A length that the rest keeps anyway costs nothing.
    HOCKET_TRY(narrow(text_set::of_length(least->value_or(0), *most)));
  }
  return set;
}

result<text_set> number_texts(const schema_json& s, bool integer, const std::string& place) {
  const std::string digits = "-?(?:0|[1-9]\\d{0,14})";
  std::string form = digits;
  if (!integer) form += "(?:\\.\\d{1,15})?";
  number_bounds bounds;
  HOCKET_TRY(bound(s, "minimum", "exclusiveMinimum", place, bounds.least, bounds.above_least));
  HOCKET_TRY(bound(s, "maximum", "exclusiveMaximum", place, bounds.most, bounds.below_most));
  const bool free = !bounds.least && !bounds.most && !s.contains("multipleOf");
  if (free && !integer) form += "(?:[eE][+-]?\\d{1,2})?";
  auto set = text_set::of_pattern(form, false);
  if (!set) return fail(set);
  for (const auto& p : patterns_of(bounds, integer)) {
    const auto with = text_set::of_pattern(p, false);
    if (!with) return fail(with);
    set = common(*set, *with);
    if (!set) return fail(set);
  }
  if (s.contains("multipleOf")) {
    const auto with = multiples(s["multipleOf"], place);
    if (!with) return fail(with);
    set = common(*set, *with);
    if (!set) return fail(set);
  }
  return set;
}

}  // namespace hocket::language
