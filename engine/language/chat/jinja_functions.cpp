#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/language/chat/jinja_value.hpp"

namespace hocket::language::jinja {
namespace {

constexpr const char* blanks = " \t\n\r\v\f";

std::string stripped(const std::string& s, bool left, bool right, const value& what) {
  const std::string set = what.text() ? *what.text() : blanks;
  const auto from = left ? s.find_first_not_of(set) : 0;
  if (from == std::string::npos) return "";
  const auto to = right ? s.find_last_not_of(set) : s.size() - 1;
  return to == std::string::npos || to < from ? "" : s.substr(from, to - from + 1);
}

template <class F>
std::string mapped(std::string s, F f) {
  for (auto& c : s)
    if (static_cast<unsigned char>(c) < 0x80) c = static_cast<char>(f(c));
  return s;
}
std::string upper(const std::string& s) {
  return mapped(s, [](unsigned char c) { return std::toupper(c); });
}
std::string lower(const std::string& s) {
  return mapped(s, [](unsigned char c) { return std::tolower(c); });
}
std::string title(std::string s) {
  bool inside = false;
  for (auto& c : s) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x80) c = static_cast<char>(inside ? std::tolower(u) : std::toupper(u));
    inside = std::isalpha(u) != 0 || u >= 0x80;
  }
  return s;
}
std::string capitalized(std::string s) {
  s = lower(s);
  if (!s.empty()) s[0] = upper(s.substr(0, 1))[0];
  return s;
}

const std::string& string_of(const value& v) {
  if (!v.text()) fail_with("failed", kind_of(v) + " where a string is needed");
  return *v.text();
}
std::int64_t integer_of(const value& v, std::int64_t otherwise) {
  if (const auto* i = v.get<std::int64_t>()) return *i;
  if (const auto* b = v.get<bool>()) return *b;
  return otherwise;
}

list split(const std::string& s, const value& by, std::int64_t most) {
  list out;
  std::size_t at = 0;
  if (!by.text()) {
    while (true) {
      at = s.find_first_not_of(blanks, at);
      if (at == std::string::npos) return out;
      if (most >= 0 && static_cast<std::int64_t>(out.size()) == most) {
        out.push_back(stripped(s.substr(at), false, true, {}));
        return out;
      }
      const auto end = std::min(s.find_first_of(blanks, at), s.size());
      out.push_back(s.substr(at, end - at));
      at = end;
    }
  }
  if (by.text()->empty()) fail_with("failed", "split by nothing");
  while (most < 0 || static_cast<std::int64_t>(out.size()) < most) {
    const auto found = s.find(*by.text(), at);
    if (found == std::string::npos) break;
    out.push_back(s.substr(at, found - at));
    at = found + by.text()->size();
  }
  out.push_back(s.substr(at));
  return out;
}

list split_from_right(const std::string& s, const value& by, std::int64_t most) {
  if (!by.text() || most < 0) return split(s, by, -1);
  list out;
  auto end = s.size();
  while (static_cast<std::int64_t>(out.size()) < most) {
    const auto found =
        end < by.text()->size() ? std::string::npos : s.rfind(*by.text(), end - by.text()->size());
    if (found == std::string::npos) break;
    const auto from = found + by.text()->size();
    out.insert(out.begin(), s.substr(from, end - from));
    end = found;
  }
  out.insert(out.begin(), s.substr(0, end));
  return out;
}

std::string replaced(const std::string& s, const std::string& what, const std::string& by,
                     std::int64_t most) {
  if (what.empty()) fail_with("unsupported", "replace of an empty string");
  std::string out;
  std::size_t at = 0;
  for (auto found = s.find(what); found != std::string::npos && most != 0;
       found = s.find(what, at), --most) {
    out += s.substr(at, found - at) + by;
    at = found + what.size();
    if (out.size() > (16u << 20)) fail_with("too_much", "replace makes a string too long");
  }
  return out + s.substr(at);
}

bool fits(const std::string& s, const value& ends, bool front) {
  const auto one = [&](const std::string& e) { return front ? s.starts_with(e) : s.ends_with(e); };
  if (ends.items())
    return std::any_of(ends.items()->begin(), ends.items()->end(),
                       [&](const value& e) { return one(string_of(e)); });
  return one(string_of(ends));
}

value string_method(const std::string& s, const std::string& name) {
  const auto text = [&](auto f) {
    return make_function([s, f](arguments& a) -> value { return f(s, a); });
  };
  if (name == "strip")
    return text([](auto& x, auto& a) { return stripped(x, true, true, a.at(0)); });
  if (name == "lstrip")
    return text([](auto& x, auto& a) { return stripped(x, true, false, a.at(0)); });
  if (name == "rstrip")
    return text([](auto& x, auto& a) { return stripped(x, false, true, a.at(0)); });
  if (name == "upper") return text([](auto& x, auto&) { return upper(x); });
  if (name == "lower") return text([](auto& x, auto&) { return lower(x); });
  if (name == "title") return text([](auto& x, auto&) { return title(x); });
  if (name == "capitalize") return text([](auto& x, auto&) { return capitalized(x); });
  if (name == "startswith") return text([](auto& x, auto& a) { return fits(x, a.at(0), true); });
  if (name == "endswith") return text([](auto& x, auto& a) { return fits(x, a.at(0), false); });
  if (name == "split")
    return text([](auto& x, auto& a) {
      return make_list(split(x, a.at(0, "sep"), integer_of(a.at(1, "maxsplit"), -1)));
    });
  if (name == "rsplit")
    return text([](auto& x, auto& a) {
      return make_list(split_from_right(x, a.at(0, "sep"), integer_of(a.at(1, "maxsplit"), -1)));
    });
  if (name == "splitlines")
    return text([](auto& x, auto&) {
      auto l = split(x, value("\n"), -1);
      if (!l.empty() && l.back().text()->empty()) l.pop_back();
      return make_list(std::move(l));
    });
  if (name == "replace")
    return text([](auto& x, auto& a) {
      return replaced(x, string_of(a.at(0)), string_of(a.at(1)), integer_of(a.at(2), -1));
    });
  if (name == "find")
    return text([](auto& x, auto& a) {
      const auto at = x.find(string_of(a.at(0)));
      return at == std::string::npos ? std::int64_t{-1}
                                     : static_cast<std::int64_t>(length_of(x.substr(0, at)));
    });
  if (name == "count")
    return text([](auto& x, auto& a) {
      return static_cast<std::int64_t>(split(x, string_of(a.at(0)), -1).size()) - 1;
    });
  if (name == "isdigit")
    return text([](auto& x, auto&) {
      return !x.empty() && x.find_first_not_of("0123456789") == std::string::npos;
    });
  if (name == "join")
    return text([](auto& x, auto& a) {
      std::string out;
      bool first = true;
      for (const auto& e : iterate(a.at(0))) out += (first ? "" : x) + string_of(e), first = false;
      return out;
    });
  return {};
}

value pair_of(value a, value b) {
  auto v = make_list({std::move(a), std::move(b)});
  v.tuple = true;
  return v;
}
list pairs_of(const value& v) {
  if (!v.map()) fail_with("failed", kind_of(v) + " has no items");
  list out;
  for (const auto& [k, e] : *v.map()) out.push_back(pair_of(k, e));
  return out;
}

value map_method(const value& object, const std::string& name) {
  if (name == "items")
    return make_function([object](arguments&) { return make_list(pairs_of(object)); });
  if (name == "keys")
    return make_function([object](arguments&) { return make_list(iterate(object)); });
  if (name == "values")
    return make_function([object](arguments&) {
      list l;
      for (const auto& e : *object.map()) l.push_back(e.second);
      return make_list(std::move(l));
    });
  if (name == "get")
    return make_function([object](arguments& a) -> value {
      const auto key = a.at(0);
      const auto* found = key.text() ? look_up(*object.map(), *key.text()) : nullptr;
      if (found) return *found;
      const auto otherwise = a.at(1, "default");
      return otherwise.is_undefined() ? value(none{}) : otherwise;
    });
  return {};
}

value attribute(const value& v, const value& path) {
  value at = v;
  if (path.get<std::int64_t>()) {
    const auto l = iterate(v);
    const auto i = static_cast<std::size_t>(*path.get<std::int64_t>());
    return i < l.size() ? l[i] : value();
  }
  for (const auto& part : split(string_of(path), value("."), -1)) {
    const auto* found = at.map() ? look_up(*at.map(), *part.text()) : nullptr;
    at = found ? *found : value();
  }
  return at;
}

list sorted(list l, const std::function<value(const value&)>& key, bool reverse, bool fold) {
  const auto of = [&](const value& v) {
    auto k = key(v);
    return fold && k.text() ? value(lower(*k.text())) : k;
  };
  std::stable_sort(l.begin(), l.end(), [&](const value& a, const value& b) {
    return reverse ? compare(of(b), of(a)) < 0 : compare(of(a), of(b)) < 0;
  });
  return l;
}

std::string indented(const std::string& s, const value& width, bool first, bool blank) {
  const auto by = width.text() ? *width.text()
                               : std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(
                                                 integer_of(width, 4), 0, 1000)),
                                             ' ');
  std::string out = first ? by : "";
  for (std::size_t i = 0; i < s.size(); ++i) {
    out += s[i];
    if (s[i] == '\n' && i + 1 < s.size() && (blank || s[i + 1] != '\n')) out += by;
  }
  return out;
}

/// select, reject, selectattr, rejectattr.
value selected(const std::string& name, const value& input, arguments& a) {
  const bool by_attribute = name.ends_with("attr"), keep = name.starts_with("select");
  arguments rest;
  const std::size_t skip = by_attribute ? 2 : 1;
  for (std::size_t i = skip; i < a.positional.size(); ++i)
    rest.positional.push_back(a.positional[i]);
  const auto test = a.at(skip - 1);
  list out;
  for (const auto& e : iterate(input)) {
    const auto v = by_attribute ? attribute(e, a.at(0)) : e;
    if ((test.text() ? apply_test(*test.text(), v, rest) : truth(v)) == keep) out.push_back(e);
  }
  return make_list(std::move(out));
}

value number_filter(const std::string& name, const value& v, arguments& a) {
  if (name == "abs") {
    if (const auto* d = v.get<double>()) return std::abs(*d);
    return std::abs(integer_of(v, 0));
  }
  double d = v.get<double>() ? *v.get<double>() : static_cast<double>(integer_of(v, 0));
  if (v.text()) try {
      d = std::stod(*v.text());
    } catch (const std::exception&) {
      const auto otherwise = a.at(0, "default");
      return !otherwise.is_undefined() ? otherwise
             : name == "int"           ? value(std::int64_t{0})
                                       : value(0.0);
    }
  if (name == "float") return d;
  if (name == "round") {
    const double scale = std::pow(10, static_cast<double>(integer_of(a.at(0, "precision"), 0)));
    return std::nearbyint(d * scale) / scale;
  }
  return std::abs(d) < 9e18 ? static_cast<std::int64_t>(d) : std::int64_t{0};
}

}  // namespace

value method_of(const value& object, const std::string& name) {
  if (const auto* s = object.text()) return string_method(*s, name);
  if (object.map()) return map_method(object, name);
  if (object.items() && name == "append")
    return make_function([object](arguments& a) -> value {
      if (object.items()->size() > 100000) fail_with("too_much", "a list is too long");
      object.items()->push_back(a.at(0));
      try {
        check_depth(object);
      } catch (const failure&) {
        object.items()->pop_back();  // a list that holds itself would never be freed
        throw;
      }
      return none{};
    });
  return {};
}

value apply_filter(
    const std::string& name, const value& v, arguments& a,
    const std::function<value(const std::string&, const value&, arguments&)>& again) {
  const auto self = [](const value& x) { return x; };
  if (name == "tojson")
    return to_json(
        v, static_cast<int>(std::clamp<std::int64_t>(integer_of(a.at(0, "indent"), -1), -1, 16)));
  if (name == "trim") return stripped(print(v), true, true, a.at(0));
  if (name == "length" || name == "count") return static_cast<std::int64_t>(length_of(v));
  if (name == "default" || name == "d")
    return v.is_undefined() || (truth(a.at(1, "boolean")) && !truth(v))
               ? (a.at(0).is_undefined() ? value("") : a.at(0))
               : v;
  if (name == "string") return print(v);
  if (name == "safe") return v;
  if (name == "list") return make_list(iterate(v));
  if (name == "items") return v.is_undefined() ? make_list({}) : make_list(pairs_of(v));
  if (name == "upper") return upper(print(v));
  if (name == "lower") return lower(print(v));
  if (name == "title") return title(print(v));
  if (name == "capitalize") return capitalized(print(v));
  if (name == "int" || name == "float" || name == "abs" || name == "round")
    return number_filter(name, v, a);
  if (name == "replace")
    return replaced(print(v), string_of(a.at(0)), string_of(a.at(1)), integer_of(a.at(2), -1));
  if (name == "indent")
    return indented(print(v), a.at(0, "width"), truth(a.at(1, "first")), truth(a.at(2, "blank")));
  if (name == "first" || name == "last") {
    const auto l = iterate(v);
    return l.empty() ? value() : name == "first" ? l.front() : l.back();
  }
  if (name == "join") {
    std::string out;
    const auto by = a.at(0, "d"), path = a.at(1, "attribute");
    bool first = true;
    for (const auto& e : iterate(v)) {
      out += (first || by.is_undefined() ? "" : print(by)) +
             print(path.is_undefined() ? e : attribute(e, path));
      first = false;
    }
    return out;
  }
  if (name == "reverse") {
    auto l = iterate(v);
    std::reverse(l.begin(), l.end());
    if (!v.text()) return make_list(std::move(l));
    std::string s;
    for (const auto& c : l) s += *c.text();
    return s;
  }
  if (name == "unique") {
    list out;
    for (const auto& e : iterate(v))
      if (std::none_of(out.begin(), out.end(), [&](const value& o) { return equal(o, e); }))
        out.push_back(e);
    return make_list(std::move(out));
  }
  if (name == "sort") {
    const auto path = a.at(2, "attribute");
    return make_list(sorted(
        iterate(v), [&](const value& e) { return path.is_undefined() ? e : attribute(e, path); },
        truth(a.at(0, "reverse")), !truth(a.at(1, "case_sensitive"))));
  }
  if (name == "dictsort")
    return make_list(sorted(
        pairs_of(v), [](const value& e) { return (*e.items())[0]; }, truth(a.at(2, "reverse")),
        !truth(a.at(0, "case_sensitive"))));
  if (name == "select" || name == "reject" || name == "selectattr" || name == "rejectattr")
    return selected(name, v, a);
  if (name == "min" || name == "max") {
    auto l = sorted(iterate(v), self, name == "max", true);
    return l.empty() ? value() : l.front();
  }
  if (name == "map") {
    list out;
    const auto path = look_up(a.named, "attribute");
    arguments rest;
    for (std::size_t i = 1; i < a.positional.size(); ++i)
      rest.positional.push_back(a.positional[i]);
    for (const auto& e : iterate(v))
      out.push_back(path ? attribute(e, *path) : again(string_of(a.at(0)), e, rest));
    return make_list(std::move(out));
  }
  fail_with("unsupported", "the filter `" + name + "` is not supported");
}

bool apply_test(const std::string& name, const value& v, arguments& a) {
  const bool number = v.get<std::int64_t>() || v.get<double>();
  if (name == "defined") return !v.is_undefined();
  if (name == "undefined") return v.is_undefined();
  if (name == "none") return v.is_none();
  if (name == "string") return v.text() != nullptr;
  if (name == "mapping") return v.map() != nullptr;
  if (name == "sequence" || name == "iterable")
    return v.items() || v.map() || v.text() || (name == "sequence" && v.is_undefined()) ||
           (name == "iterable" && v.is_undefined());
  if (name == "number") return number || v.get<bool>();
  if (name == "integer") return v.get<std::int64_t>() != nullptr;
  if (name == "float") return v.get<double>() != nullptr;
  if (name == "boolean") return v.get<bool>() != nullptr;
  if (name == "true") return v.get<bool>() && *v.get<bool>();
  if (name == "false") return v.get<bool>() && !*v.get<bool>();
  if (name == "callable") return v.get<std::shared_ptr<function>>() != nullptr;
  if (name == "odd") return integer_of(v, 0) % 2 != 0;
  if (name == "even") return integer_of(v, 1) % 2 == 0;
  if (name == "eq" || name == "equalto" || name == "sameas" || name == "==")
    return equal(v, a.at(0));
  if (name == "ne" || name == "!=") return !equal(v, a.at(0));
  if (name == "lt" || name == "lessthan" || name == "<") return compare(v, a.at(0)) < 0;
  if (name == "le" || name == "<=") return compare(v, a.at(0)) <= 0;
  if (name == "gt" || name == "greaterthan" || name == ">") return compare(v, a.at(0)) > 0;
  if (name == "ge" || name == ">=") return compare(v, a.at(0)) >= 0;
  if (name == "divisibleby") {
    const auto by = integer_of(a.at(0), 0);
    if (by == 0) fail_with("failed", "divided by zero");
    return integer_of(v, 0) % by == 0;
  }
  if (name == "in") {
    const auto l = a.at(0);
    if (l.text()) return l.text()->find(string_of(v)) != std::string::npos;
    const auto all = iterate(l);
    return std::any_of(all.begin(), all.end(), [&](const value& e) { return equal(e, v); });
  }
  fail_with("unsupported", "the test `" + name + "` is not supported");
}

}  // namespace hocket::language::jinja
