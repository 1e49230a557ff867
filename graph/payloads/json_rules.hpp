#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "graph/payloads/json_text.hpp"

namespace hocket::payloads {

/// A regular expression whose work is bounded.
class bounded_pattern {
 public:
  /// Errors: payload.schema.
  static result<bounded_pattern> make(const std::string& expression);
  enum class answer { matches, differs, too_much };
  /// Whether the text holds a match.
  answer look(const std::string& text) const;

 private:
  std::shared_ptr<const void> code_;
};

/// A JSON Schema, looked through once, that judges values with bounded work.
///
/// Threads: any.
class json_rules {
 public:
  /// Errors: payload.schema, with the place in the schema.
  static result<std::shared_ptr<const json_rules>> read(json schema);
  /// Why a value does not satisfy it, with its place; empty where it does. What the value holds is not
  /// said: names that the schema does not name read `*`.
  std::string why_unfit(const json& value) const;

 private:
  friend class schema_reader;
  friend class judge;
  json schema_;
  std::map<std::string, const json*> references_;  ///< by their text
  std::map<std::string, bounded_pattern> patterns_;
};

}  // namespace hocket::payloads
