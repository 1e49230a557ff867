#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "graph/payloads/json_text.hpp"

namespace hocket::payloads {

/// A regular expression whose work grows with the text, and with nothing else.
class bounded_pattern {
 public:
  /// Errors: payload.schema.
  static result<bounded_pattern> make(const std::string& expression);
  /// Whether the text holds a match.
  bool matches(const std::string& text) const;
  /// What a look at so many bytes counts in a judgement.
  std::size_t steps(std::size_t bytes) const;

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
  /// Whether any value would be judged without an end.
  bool leads_in_circle() const;

  json schema_;
  std::map<std::string, const json*> references_;  ///< by their text
  std::map<std::string, bounded_pattern> patterns_;
};

}  // namespace hocket::payloads
