#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "graph/core/diagnostic.hpp"

namespace hocket {

/// One node of a configuration file with its place: our own tree, so that nothing else depends on
/// the YAML library and its traps (duplicate keys, `yes` as a boolean, octal numbers).
///
/// Scalars follow YAML 1.2's core schema: true/false, decimal and 0x/0o integers, floats, null.
class value {
 public:
  using list = std::vector<value>;
  struct entry;
  using map = std::vector<entry>;  ///< in file order; keys are unique

  value() = default;
  template <class T>
  value(T v, source_mark where = {}) : data_(std::move(v)), where_(std::move(where)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  template <class T>
  const T* get_if() const {
    return std::get_if<T>(&data_);
  }
  template <class T>
  T* get_if() {
    return std::get_if<T>(&data_);
  }
  /// The entry of a map, or nullptr where this is no map or has no such key.
  const value* find(std::string_view key) const;
  value* find(std::string_view key);

  const source_mark& where() const { return where_; }
  void set_where(source_mark where) { where_ = std::move(where); }

  /// "a string", "a list", ... for messages.
  std::string_view kind_name() const;
  /// The scalar as the person wrote it; "" for lists and maps.
  const std::string& literal() const { return literal_; }
  void set_literal(std::string literal) { literal_ = std::move(literal); }
  /// True for text from the environment or the command line, where nobody can quote: a field that
  /// wants a string then takes the literal, whatever it looks like. Together with null: a reference
  /// that failed; readers skip it.
  bool adapts() const { return adapts_; }
  void set_adapts(bool adapts) { adapts_ = adapts; }

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, list, map> data_;
  source_mark where_;
  std::string literal_;
  bool adapts_ = false;
};

struct value::entry {
  std::string key;
  source_mark key_where;
  value item;
};

}  // namespace hocket
