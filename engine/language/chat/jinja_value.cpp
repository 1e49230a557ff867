#include "engine/language/chat/jinja_value.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace hocket::language::jinja {
namespace {

thread_local std::size_t effort_left = 0;
thread_local int depth = 0;

std::string number_text(double d) {
  if (std::isnan(d)) return "nan";
  if (std::isinf(d)) return d > 0 ? "inf" : "-inf";
  char buffer[40];
  const bool plain = d == 0 || (std::abs(d) >= 1e-4 && std::abs(d) < 1e16);
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), d,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  std::string s(buffer, end);
  if (plain && s.find('.') == std::string::npos) s += ".0";
  return s;
}

bool is_number(const value& v) { return v.get<bool>() || v.get<std::int64_t>() || v.get<double>(); }
double number(const value& v) {
  if (const auto* b = v.get<bool>()) return *b;
  if (const auto* i = v.get<std::int64_t>()) return static_cast<double>(*i);
  return *v.get<double>();
}

std::string joined(const list& l, const char* open, const char* close) {
  std::string s = open;
  for (std::size_t i = 0; i < l.size(); ++i) s += (i ? ", " : "") + repr(l[i]);
  return s + close;
}

}  // namespace

effort::effort(std::size_t steps) {
  effort_left = steps;
  depth = 0;
}
effort::~effort() { effort_left = 0; }
void charge(std::size_t steps) {
  if (steps > effort_left) fail_with("too_much", "the template takes too many steps");
  effort_left -= steps;
}
nesting::nesting() {
  charge(1);
  if (++depth > 100) {
    --depth;
    fail_with("too_much", "a value is nested too deeply");
  }
}
nesting::~nesting() { --depth; }

void check_depth(const value& v) {
  const nesting level;
  if (const auto* l = v.items())
    for (const auto& e : *l) check_depth(e);
  if (const auto* m = v.map())
    for (const auto& e : *m) check_depth(e.second);
}

value arguments::at(std::size_t i, const char* name) const {
  if (i < positional.size()) return positional[i];
  const auto* found = look_up(named, name);
  return found ? *found : value();
}

const value* look_up(const dict& d, const std::string& key) {
  for (const auto& [k, v] : d)
    if (k == key) return &v;
  return nullptr;
}

void assign(dict& d, const std::string& key, value v) {
  for (auto& [k, old] : d)
    if (k == key) {
      old = std::move(v);
      return;
    }
  d.emplace_back(key, std::move(v));
}

bool truth(const value& v) {
  if (v.is_undefined() || v.is_none()) return false;
  if (is_number(v)) return number(v) != 0;
  if (const auto* s = v.text()) return !s->empty();
  if (const auto* l = v.items()) return !l->empty();
  if (const auto* m = v.map()) return !m->empty();
  return true;
}

bool equal(const value& a, const value& b) {
  const nesting level;
  if (is_number(a) && is_number(b)) return number(a) == number(b);
  if (a.held.index() != b.held.index()) return false;
  if (const auto* s = a.text()) return *s == *b.text();
  if (const auto* l = a.items())
    return std::equal(l->begin(), l->end(), b.items()->begin(), b.items()->end(), equal);
  if (const auto* m = a.map()) {
    if (m->size() != b.map()->size()) return false;
    return std::all_of(m->begin(), m->end(), [&](const auto& e) {
      const auto* other = look_up(*b.map(), e.first);
      return other && equal(e.second, *other);
    });
  }
  return a.is_undefined() || a.is_none();
}

int compare(const value& a, const value& b) {
  const nesting level;
  if (is_number(a) && is_number(b)) return number(a) < number(b) ? -1 : number(a) > number(b);
  if (a.text() && b.text()) return a.text()->compare(*b.text());
  if (a.items() && b.items()) {
    for (std::size_t i = 0; i < std::min(a.items()->size(), b.items()->size()); ++i)
      if (const int c = compare((*a.items())[i], (*b.items())[i])) return c;
    return a.items()->size() < b.items()->size() ? -1 : a.items()->size() > b.items()->size();
  }
  fail_with("failed", kind_of(a) + " and " + kind_of(b) + " have no order");
}

std::string kind_of(const value& v) {
  static const char* names[] = {"undefined", "none",   "a bool", "an integer", "a number",
                                "a string",  "a list", "a map",  "a function"};
  return names[v.held.index()];
}

std::string repr(const value& v) {
  const auto* s = v.text();
  if (s == nullptr) return v.is_undefined() ? "Undefined" : print(v);
  const char quote =
      s->find('\'') != std::string::npos && s->find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : *s) {
    if (c == quote || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else
      out += c;
  }
  return out + quote;
}

std::string print(const value& v) {
  const nesting level;
  if (v.is_undefined()) return "";
  if (v.is_none()) return "None";
  if (const auto* b = v.get<bool>()) return *b ? "True" : "False";
  if (const auto* i = v.get<std::int64_t>()) return std::to_string(*i);
  if (const auto* d = v.get<double>()) return number_text(*d);
  if (const auto* s = v.text()) {
    charge(s->size() / 64);
    return *s;
  }
  if (const auto* l = v.items())
    return v.tuple ? joined(*l, "(", l->size() == 1 ? ",)" : ")") : joined(*l, "[", "]");
  if (const auto* m = v.map()) {
    std::string s = "{";
    for (const auto& [key, held] : *m)
      s += (s.size() > 1 ? ", " : "") + repr(key) + ": " + repr(held);
    return s + "}";
  }
  fail_with("failed", "a function cannot be printed");
}

std::string to_json(const value& v, int indent, int depth) {
  const nesting level;
  if (v.is_none()) return "null";
  if (const auto* b = v.get<bool>()) return *b ? "true" : "false";
  if (const auto* s = v.text())
    return nlohmann::json(*s).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (is_number(v)) return print(v);
  const auto* l = v.items();
  const auto* m = v.map();
  if (l == nullptr && m == nullptr) fail_with("failed", kind_of(v) + " has no JSON");
  const auto size = l ? l->size() : m->size();
  if (size == 0) return l ? "[]" : "{}";
  const auto line = [&](int level) {
    return indent < 0 ? std::string()
                      : "\n" + std::string(static_cast<std::size_t>(indent * level), ' ');
  };
  std::string out = l ? "[" : "{";
  for (std::size_t i = 0; i < size; ++i) {
    if (i) out += indent < 0 ? ", " : ",";
    out += line(depth + 1);
    if (m) out += to_json((*m)[i].first, -1) + ": ";
    out += to_json(l ? (*l)[i] : (*m)[i].second, indent, depth + 1);
  }
  return out + line(depth) + (l ? "]" : "}");
}

value from_json(const nlohmann::ordered_json& j) {
  const nesting level;
  if (j.is_null()) return none{};
  if (j.is_boolean()) return j.get<bool>();
  if (j.is_number_integer()) return j.get<std::int64_t>();
  if (j.is_number()) return j.get<double>();
  if (j.is_string()) return j.get<std::string>();
  if (j.is_array()) {
    list l;
    for (const auto& e : j) l.push_back(from_json(e));
    return make_list(std::move(l));
  }
  dict d;
  for (const auto& [k, e] : j.items()) d.emplace_back(k, from_json(e));
  return make_dict(std::move(d));
}

list iterate(const value& v) {
  if (const auto* l = v.items()) {
    charge(l->size());
    return *l;
  }
  list out;
  if (const auto* m = v.map()) {
    for (const auto& [k, e] : *m) out.push_back(k);
  } else if (const auto* s = v.text()) {
    charge(s->size());
    for (std::size_t i = 0; i < s->size();) {
      std::size_t n = 1;
      while (i + n < s->size() && (static_cast<unsigned char>((*s)[i + n]) & 0xc0) == 0x80) ++n;
      out.push_back(s->substr(i, n));
      i += n;
    }
  } else if (!v.is_undefined()) {
    fail_with("failed", kind_of(v) + " cannot be gone through");
  }
  return out;
}

std::size_t length_of(const value& v) {
  if (v.is_none() || is_number(v)) fail_with("failed", kind_of(v) + " has no length");
  if (const auto* l = v.items()) return l->size();
  if (const auto* m = v.map()) return m->size();
  return iterate(v).size();
}

}  // namespace hocket::language::jinja
