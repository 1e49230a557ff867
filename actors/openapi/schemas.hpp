#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/openapi/document.hpp"

namespace hocket::openapi {

/// Copies schemas out of a document, operation by operation: references lead to `$defs` of the copy, and
/// 3.0's own words are said as JSON Schema says them. A copy is bounded in bytes, depth and references.
class schema_copier {
 public:
  /// `root` outlives it.
  explicit schema_copier(const json& root) : root_(root) {}

  /// Forgets the definitions and the bytes of the operation before.
  void begin();
  /// Nothing: it leads nowhere, too deep, or is too long.
  std::optional<json> copied(const json& schema);
  /// All that the copies refer to, by name; nothing as above. Ends an operation.
  std::optional<json> definitions();
  /// What a `$ref` stands for, over several of them; nullptr: nothing.
  const json* followed(const json& from);

 private:
  const json* target(const std::string& ref);
  std::optional<std::string> defined(const std::string& ref);
  bool spend(std::size_t bytes);
  bool spend_all(const json& v);
  std::optional<json> schema(const json& s, int depth);
  std::optional<json> keyword(const std::string& key, const json& item, int depth);
  std::optional<json> list(const json& all, int depth);
  std::optional<json> named(const json& all, int depth);

  const json& root_;
  std::map<std::string, const json*> targets_;
  std::map<std::string, std::string> names_;  ///< under `$defs`, by the text of the reference
  std::vector<std::pair<std::string, const json*>> wanted_;
  std::size_t left_ = 0;  ///< bytes
};

/// Member `key` of an object; nullptr, "": none.
const json* find(const json& in, const char* key);
std::string text_of(const json& in, const char* key);

}  // namespace hocket::openapi
