// Values of a template, after Python's. Internal header of chat/.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

namespace hocket::language::jinja {

/// What ends a run; caught at the surface of chat_template.
struct failure {
  std::string code;  ///< without `template.`
  std::string message;
  int line = 0;  ///< of the template; 0: not known yet
};
[[noreturn]] inline void fail_with(std::string code, std::string message, int line = 0) {
  throw failure{std::move(code), std::move(message), line};
}

/// Work that a run may still do on this thread; helpers that go through values take from it.
struct effort {
  explicit effort(std::size_t steps);
  ~effort();
  effort(const effort&) = delete;
  effort& operator=(const effort&) = delete;
};
/// Throws `too_much` where the effort is used up.
void charge(std::size_t steps);
/// Depth of a recursion through values; throws `too_much` over 100 levels.
struct nesting {
  nesting();
  ~nesting();
  nesting(const nesting&) = delete;
  nesting& operator=(const nesting&) = delete;
};

struct value;
struct undefined {};
struct none {};
using list = std::vector<value>;
using dict = std::vector<std::pair<std::string, value>>;  // in order of insertion
struct arguments;
using function = std::function<value(arguments&)>;

struct value {
  std::variant<undefined, none, bool, std::int64_t, double, std::string, std::shared_ptr<list>,
               std::shared_ptr<dict>, std::shared_ptr<function>>
      held;
  bool tuple = false;  ///< a list that prints with round brackets

  value() = default;
  template <class T>
  requires(!std::is_same_v<std::decay_t<T>, value>) value(T&& v) : held(std::forward<T>(v)) {}
  value(const char* text) : held(std::string(text)) {}

  template <class T>
  const T* get() const {
    return std::get_if<T>(&held);
  }
  const std::string* text() const { return get<std::string>(); }
  list* items() const {
    const auto* p = get<std::shared_ptr<list>>();
    return p ? p->get() : nullptr;
  }
  dict* map() const {
    const auto* p = get<std::shared_ptr<dict>>();
    return p ? p->get() : nullptr;
  }
  bool is_undefined() const { return get<undefined>() != nullptr; }
  bool is_none() const { return get<none>() != nullptr; }
};

struct arguments {
  list positional;
  dict named;
  /// The argument at a place or by name; undefined where neither is there.
  value at(std::size_t i, const char* name = "") const;
};

inline value make_list(list l) { return std::make_shared<list>(std::move(l)); }
inline value make_dict(dict d) { return std::make_shared<dict>(std::move(d)); }
inline value make_function(function f) { return std::make_shared<function>(std::move(f)); }

const value* look_up(const dict& d, const std::string& key);
void assign(dict& d, const std::string& key, value v);
/// Throws where a value is nested too deeply, such as one that holds itself.
void check_depth(const value& v);
bool truth(const value& v);
bool equal(const value& a, const value& b);
/// Below 0, 0, above 0. Numbers, strings and lists of them.
int compare(const value& a, const value& b);
std::string kind_of(const value& v);
std::string print(const value& v);  ///< Python's str()
std::string repr(const value& v);
std::string to_json(const value& v, int indent, int depth = 0);
value from_json(const nlohmann::ordered_json& j);
/// Items of a list, characters of a string, keys of a map.
list iterate(const value& v);
std::size_t length_of(const value& v);

/// `object.name(...)` for strings, lists and maps; undefined where there is none.
value method_of(const value& object, const std::string& name);
value apply_filter(const std::string& name, const value& input, arguments& args,
                   const std::function<value(const std::string&, const value&, arguments&)>& again);
bool apply_test(const std::string& name, const value& input, arguments& args);

}  // namespace hocket::language::jinja
