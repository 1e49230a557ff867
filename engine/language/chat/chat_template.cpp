#include "engine/language/chat/chat_template.hpp"

#include <algorithm>
#include <cmath>

#include "engine/language/chat/jinja_syntax.hpp"
#include "engine/language/files/text_checks.hpp"

namespace hocket::language {
namespace jinja {
namespace {

enum class flow { on, next, leave };

class interpreter {
 public:
  interpreter(const chat_template::limits& bounds, std::time_t now) : bounds_(bounds), now_(now) {}

  std::string run(const node& root, const nlohmann::ordered_json& variables) {
    const effort work(bounds_.steps);
    scopes_.emplace_back();
    builtins();
    for (const auto& [k, v] : variables.items()) assign(scopes_[0], k, from_json(v));
    std::string out;
    try {
      execute(root.body, out);
    } catch (failure& e) {
      if (e.line == 0) e.line = line_;
      throw;
    }
    return out;
  }

 private:
  [[noreturn]] static void bad(const node& n, const std::string& what) {
    fail_with("failed", what, n.line);
  }
  void step() { charge(1); }
  void write(std::string& out, const std::string& text) {
    if (text.size() > bounds_.output_bytes - std::min(bounds_.output_bytes, out.size()))
      fail_with("too_much", "the template writes too much");
    out += text;
    charge(text.size() / 64);
  }

  void builtins() {
    auto& g = scopes_[0];
    assign(g, "raise_exception",
           make_function([](arguments& a) -> value { fail_with("refused", print(a.at(0))); }));
    assign(g, "namespace", make_function([](arguments& a) {
             dict d =
                 a.positional.empty() || !a.positional[0].map() ? dict{} : *a.positional[0].map();
             for (auto& [k, v] : a.named) assign(d, k, v);
             return make_dict(std::move(d));
           }));
    assign(g, "dict", make_function([](arguments& a) { return make_dict(a.named); }));
    assign(g, "range", make_function([](arguments& a) {
             const auto n = [&](std::size_t i, std::int64_t otherwise) {
               const auto v = a.at(i);
               return v.get<std::int64_t>() ? *v.get<std::int64_t>() : otherwise;
             };
             const bool one = a.positional.size() < 2;
             const auto from = one ? 0 : n(0, 0), to = one ? n(0, 0) : n(1, 0), by = n(2, 1);
             if (by == 0) fail_with("failed", "range with a step of 0");
             list l;
             for (auto i = from; by > 0 ? i < to : i > to; i += by) {
               if (l.size() > 100000) fail_with("too_much", "a range is too long");
               l.push_back(i);
             }
             return make_list(std::move(l));
           }));
    assign(g, "strftime_now", make_function([now = now_](arguments& a) -> value {
             std::tm tm{};
             gmtime_r(&now, &tm);
             char buffer[256];
             const auto format = print(a.at(0));
             return std::string(buffer, std::strftime(buffer, sizeof(buffer), format.c_str(), &tm));
           }));
  }

  value* find(const std::string& name) {
    for (auto s = scopes_.rbegin(); s != scopes_.rend(); ++s)
      for (auto& [k, v] : *s)
        if (k == name) return &v;
    return nullptr;
  }

  flow execute(const std::vector<node_ptr>& body, std::string& out) {
    for (const auto& n : body) {
      if (n->line > 0) line_ = n->line;
      step();
      const auto f = statement(*n, out);
      if (f != flow::on) return f;
    }
    return flow::on;
  }

  flow statement(const node& n, std::string& out) {
    switch (n.what) {
      case kind::text: write(out, n.name); return flow::on;
      case kind::print: write(out, print(eval(*n.parts[0]))); return flow::on;
      case kind::block: return execute(n.body, out);
      case kind::if_: return execute(truth(eval(*n.parts[0])) ? n.body : n.other, out);
      case kind::for_: return loop(n, out);
      case kind::set: set(*n.parts[0], eval(*n.parts[1])); return flow::on;
      case kind::set_block:
      case kind::filter_block: {
        std::string inner;
        scopes_.emplace_back();
        const auto f = execute(n.body, inner);
        scopes_.pop_back();
        line_ = n.line;  // not of the last statement within
        hole_ = std::move(inner);
        const bool is_set = n.what == kind::set_block;
        auto v = eval(*n.parts[is_set ? 1 : 0]);
        if (is_set)
          set(*n.parts[0], std::move(v));
        else
          write(out, print(v));
        return f;
      }
      case kind::macro: assign(scopes_.back(), n.name, macro(n)); return flow::on;
      case kind::break_: return flow::leave;
      case kind::continue_: return flow::next;
      default: bad(n, "no statement");
    }
  }

  void set(const node& target, value v) {
    check_depth(v);
    if (target.what == kind::attribute) {
      auto* space = find(target.parts[0]->name);
      if (space == nullptr || !space->map())
        bad(target, "`" + target.parts[0]->name + "` is no namespace");
      assign(*space->map(), target.name, std::move(v));
      try {
        check_depth(*space);
      } catch (const failure&) {
        assign(*space->map(), target.name, none{});  // a map that holds itself would never be freed
        throw;
      }
      return;
    }
    bind(target, v, scopes_.back());
  }
  void bind(const node& target, const value& v, dict& scope) {
    if (target.parts.size() == 1) return assign(scope, target.parts[0]->name, v);
    const auto all = iterate(v);
    if (all.size() != target.parts.size()) bad(target, "as many values as names are needed");
    for (std::size_t i = 0; i < all.size(); ++i) assign(scope, target.parts[i]->name, all[i]);
  }

  flow loop(const node& n, std::string& out) {
    auto all = iterate(eval(*n.parts[1]));
    if (n.parts[2]) {
      list kept;
      for (const auto& v : all) {
        step();
        scopes_.emplace_back();
        bind(*n.parts[0], v, scopes_.back());
        if (truth(eval(*n.parts[2]))) kept.push_back(v);
        scopes_.pop_back();
      }
      all.swap(kept);
    }
    if (all.empty()) return execute(n.other, out);
    for (std::size_t i = 0; i < all.size(); ++i) {
      step();
      const auto count = static_cast<std::int64_t>(all.size()),
                 index = static_cast<std::int64_t>(i);
      scopes_.emplace_back();
      bind(*n.parts[0], all[i], scopes_.back());
      assign(
          scopes_.back(), "loop",
          make_dict({{"index", index + 1},
                     {"index0", index},
                     {"first", i == 0},
                     {"last", index + 1 == count},
                     {"length", count},
                     {"revindex", count - index},
                     {"revindex0", count - index - 1},
                     {"previtem", i > 0 ? all[i - 1] : value()},
                     {"nextitem", i + 1 < all.size() ? all[i + 1] : value()},
                     {"cycle", make_function([index](arguments& a) -> value {
                        if (a.positional.empty()) fail_with("failed", "cycle of nothing");
                        return a.positional[static_cast<std::size_t>(index) % a.positional.size()];
                      })}}));
      const auto f = execute(n.body, out);
      scopes_.pop_back();
      if (f == flow::leave) break;
    }
    return flow::on;
  }

  value macro(const node& n) {
    return make_function([this, &n](arguments& a) -> value {
      if (++depth_ > bounds_.depth) fail_with("too_much", "macros call each other too deeply");
      const int called_in = line_;
      if (a.positional.size() > n.parts.size())
        bad(n, "the macro `" + n.name + "` takes fewer arguments");
      // A macro sees what the template set outside of loops and macros, and its own arguments.
      std::vector<dict> kept;
      kept.swap(scopes_);
      scopes_.push_back(std::move(kept[0]));
      scopes_.emplace_back();
      for (std::size_t i = 0; i < n.parts.size(); ++i) {
        auto v = a.at(i, n.parts[i]->name.c_str());
        if (v.is_undefined() && !n.parts[i]->parts.empty()) v = eval(*n.parts[i]->parts[0]);
        assign(scopes_.back(), n.parts[i]->name, std::move(v));
      }
      std::string out;
      execute(n.body, out);
      kept[0] = std::move(scopes_[0]);
      scopes_.swap(kept);
      --depth_;
      line_ = called_in;
      return out;
    });
  }

  arguments arguments_of(const node& n, std::size_t from) {
    arguments a;
    for (std::size_t i = from; i < n.parts.size(); ++i) {
      if (n.parts[i]->what == kind::keyword)
        a.named.emplace_back(n.parts[i]->name, eval(*n.parts[i]->parts[0]));
      else
        a.positional.push_back(eval(*n.parts[i]));
    }
    return a;
  }

  value eval(const node& n) {
    step();
    switch (n.what) {
      case kind::constant: return n.constant.is_undefined() ? value(hole_) : n.constant;
      case kind::name: {
        const auto* v = find(n.name);
        return v ? *v : value();
      }
      case kind::list_:
      case kind::tuple_: {
        list l;
        for (const auto& p : n.parts) l.push_back(eval(*p));
        auto v = make_list(std::move(l));
        v.tuple = n.what == kind::tuple_;
        return v;
      }
      case kind::dict_: {
        dict d;
        for (std::size_t i = 0; i + 1 < n.parts.size(); i += 2)
          assign(d, print(eval(*n.parts[i])), eval(*n.parts[i + 1]));
        return make_dict(std::move(d));
      }
      case kind::attribute: return attribute(n, eval(*n.parts[0]));
      case kind::item: return item(n, eval(*n.parts[0]), eval(*n.parts[1]));
      case kind::slice: return slice(n);
      case kind::call: {
        const auto f = eval(*n.parts[0]);
        const auto* held = f.get<std::shared_ptr<function>>();
        if (held == nullptr)
          bad(n, n.parts[0]->name.empty() ? kind_of(f) + " cannot be called"
                                          : "there is no function `" + n.parts[0]->name + "`");
        auto a = arguments_of(n, 1);
        return (**held)(a);
      }
      case kind::filter: {
        const auto v = eval(*n.parts[0]);
        auto a = arguments_of(n, 1);
        return filter(n.name, v, a);
      }
      case kind::test: {
        const auto v = eval(*n.parts[0]);
        auto a = arguments_of(n, 1);
        return apply_test(n.name, v, a) != n.negated;
      }
      case kind::unary: return unary(n);
      case kind::binary: return binary(n);
      case kind::conditional:
        if (truth(eval(*n.parts[0]))) return eval(*n.parts[1]);
        return n.parts[2] ? eval(*n.parts[2]) : value();
      default: bad(n, "no expression");
    }
  }

  value filter(const std::string& name, const value& v, arguments& a) {
    if (v.text()) charge(v.text()->size() / 64);
    return apply_filter(name, v, a, [this](const std::string& f, const value& x, arguments& more) {
      step();
      return filter(f, x, more);
    });
  }

  value attribute(const node& n, const value& object) {
    if (object.is_undefined())
      bad(n, "`" + n.parts[0]->name + "` is undefined, and has no `" + n.name + "`");
    auto method = method_of(object, n.name);
    if (!method.is_undefined()) return method;
    const auto* found = object.map() ? look_up(*object.map(), n.name) : nullptr;
    return found ? *found : value();
  }
  value item(const node& n, const value& object, const value& key) {
    if (object.is_undefined()) bad(n, "`" + n.parts[0]->name + "` is undefined, and has no items");
    if (object.map() && key.text()) {
      const auto* found = look_up(*object.map(), *key.text());
      return found ? *found : key.text() ? method_of(object, *key.text()) : value();
    }
    const auto* i = key.get<std::int64_t>();
    if (i == nullptr || !(object.items() || object.text())) return {};
    const auto l = iterate(object);
    const auto at = *i < 0 ? *i + static_cast<std::int64_t>(l.size()) : *i;
    return at >= 0 && at < static_cast<std::int64_t>(l.size()) ? l[static_cast<std::size_t>(at)]
                                                               : value();
  }
  value slice(const node& n) {
    const auto object = eval(*n.parts[0]);
    const auto l = iterate(object);
    charge(l.size() / 8);
    const auto size = static_cast<std::int64_t>(l.size());
    const auto bound = [&](const node_ptr& p, std::int64_t otherwise, std::int64_t low,
                           std::int64_t high) {
      const auto v = p ? eval(*p) : value();
      if (!v.get<std::int64_t>()) return otherwise;
      const auto i = *v.get<std::int64_t>();
      return std::clamp(i < 0 ? i + size : i, low, high);
    };
    const auto step_value = n.parts[3] ? eval(*n.parts[3]) : value();
    const auto by = step_value.get<std::int64_t>() ? *step_value.get<std::int64_t>() : 1;
    if (by == 0 || by > 1'000'000 || by < -1'000'000)
      bad(n, "a slice with this step is not possible");
    const auto from =
        by > 0 ? bound(n.parts[1], 0, 0, size) : bound(n.parts[1], size - 1, -1, size - 1);
    const auto to = by > 0 ? bound(n.parts[2], size, 0, size) : bound(n.parts[2], -1, -1, size - 1);
    list out;
    std::string text;
    for (auto i = from; by > 0 ? i < to : i > to; i += by) {
      if (object.text())
        text += *l[static_cast<std::size_t>(i)].text();
      else
        out.push_back(l[static_cast<std::size_t>(i)]);
    }
    return object.text() ? value(text) : make_list(std::move(out));
  }

  value unary(const node& n) {
    const auto v = eval(*n.parts[0]);
    if (n.name == "not") return !truth(v);
    if (const auto* i = v.get<std::int64_t>()) return n.name == "-" ? -*i : *i;
    if (const auto* d = v.get<double>()) return n.name == "-" ? -*d : *d;
    bad(n, kind_of(v) + " has no sign");
  }

  value binary(const node& n) {
    const auto a = eval(*n.parts[0]);
    if (n.name == "and") return truth(a) ? eval(*n.parts[1]) : a;
    if (n.name == "or") return truth(a) ? a : eval(*n.parts[1]);
    const auto b = eval(*n.parts[1]);
    if (n.name == "==") return equal(a, b);
    if (n.name == "!=") return !equal(a, b);
    if (n.name == "in") {
      arguments args;
      args.positional.push_back(b);
      if (b.is_none() || b.get<bool>() || b.get<std::int64_t>())
        bad(n, kind_of(b) + " holds nothing");
      return apply_test("in", a, args) != n.negated;
    }
    if (n.name == "~") return bounded(print(a) + print(b));
    if (n.name == "<") return compare(a, b) < 0;
    if (n.name == ">") return compare(a, b) > 0;
    if (n.name == "<=") return compare(a, b) <= 0;
    if (n.name == ">=") return compare(a, b) >= 0;
    return arithmetic(n, a, b);
  }
  value bounded(std::string s) {
    if (s.size() > bounds_.output_bytes) fail_with("too_much", "a string is too long");
    charge(s.size() / 64);
    return s;
  }
  value arithmetic(const node& n, const value& a, const value& b) {
    if (n.name == "+" && a.text() && b.text()) return bounded(*a.text() + *b.text());
    if (n.name == "+" && a.items() && b.items()) {
      auto l = *a.items();
      l.insert(l.end(), b.items()->begin(), b.items()->end());
      charge(l.size());
      return make_list(std::move(l));
    }
    const auto integer = [](const value& v) {
      return v.get<std::int64_t>() ? *v.get<std::int64_t>()
             : v.get<bool>()       ? std::int64_t{*v.get<bool>()}
                                   : 0;
    };
    const auto is_number = [](const value& v) {
      return v.get<std::int64_t>() || v.get<bool>() || v.get<double>();
    };
    if (n.name == "*" && a.text() && b.get<std::int64_t>()) {
      const auto times = std::max<std::int64_t>(0, integer(b));
      if (times > 1'000'000 ||
          static_cast<std::size_t>(times) * a.text()->size() > bounds_.output_bytes)
        fail_with("too_much", "a string is too long");
      std::string s;
      for (std::int64_t i = 0; i < times; ++i) s += *a.text();
      return bounded(s);
    }
    if (!is_number(a) || !is_number(b))
      bad(n, kind_of(a) + " " + n.name + " " + kind_of(b) + " is not possible");
    if (n.name == "/" || a.get<double>() || b.get<double>()) return real(n, a, b, integer);
    const auto x = integer(a), y = integer(b);
    std::int64_t r = 0;
    if (n.name == "+"   ? __builtin_add_overflow(x, y, &r)
        : n.name == "-" ? __builtin_sub_overflow(x, y, &r)
                        : n.name == "*" && __builtin_mul_overflow(x, y, &r))
      bad(n, "a number is too large");
    if (n.name == "//" || n.name == "%") {
      if (y == 0) bad(n, "divided by zero");
      if (y == -1) return n.name == "%" ? std::int64_t{0} : x == INT64_MIN ? x : -x;
      auto q = x / y;
      if (x % y != 0 && (x < 0) != (y < 0)) --q;  // as Python rounds
      r = n.name == "//" ? q : x - q * y;
    }
    return r;
  }
  template <class Integer>
  value real(const node& n, const value& a, const value& b, const Integer& integer) {
    const double x = a.get<double>() ? *a.get<double>() : static_cast<double>(integer(a));
    const double y = b.get<double>() ? *b.get<double>() : static_cast<double>(integer(b));
    if (n.name == "+") return x + y;
    if (n.name == "-") return x - y;
    if (n.name == "*") return x * y;
    if (y == 0) bad(n, "divided by zero");
    if (n.name == "/") return x / y;
    return n.name == "//" ? std::floor(x / y) : x - std::floor(x / y) * y;
  }

  chat_template::limits bounds_;
  std::time_t now_;
  std::vector<dict> scopes_;
  std::string hole_;
  std::size_t depth_ = 0;
  int line_ = 0;  ///< of the statement that was begun last
};

}  // namespace
}  // namespace jinja

namespace {

template <class F>
auto guarded(F f) -> result<decltype(f())> {
  try {
    return f();
  } catch (const jinja::failure& e) {
    // A template is a stranger's text: its words are shown only where they are safe to show.
    return fail(
        "template." + e.code,
        "chat template: " + (e.line > 0 ? "line " + std::to_string(e.line) + ": " : std::string()) +
            (is_plain_text(e.message) ? e.message : std::string("(unprintable message)")));
  } catch (const std::exception& e) {
    return fail("template.failed", std::string("chat template: ") + e.what());
  }
}

}  // namespace

result<chat_template> chat_template::parse(std::string_view source) {
  if (source.size() > (1u << 20))
    return fail("template.too_much", "chat template: it is over 1 MiB long");
  return guarded([&] {
    chat_template t;
    t.root_ = jinja::parse(source);
    return t;
  });
}

result<std::string> chat_template::render(const nlohmann::ordered_json& variables, std::time_t now,
                                          const limits& bounds) const {
  return guarded([&] { return jinja::interpreter(bounds, now).run(*root_, variables); });
}

}  // namespace hocket::language
