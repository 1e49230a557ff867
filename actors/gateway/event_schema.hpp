#pragma once

#include <string>

#include "actors/gateway/json.hpp"

namespace hocket::gateway {

/// What the events of a protocol look like, as data (`schema/*.json`): every field by name and type.
///
///     {"types":  {"item": {"id": "text", "role?": "'user'|'assistant'", "content": "part[]"}, …},
///      "events": {"conversation.item.added": {"event_id": "text", "item": "item"}, …}}
///
/// A type is `text`, `integer`, `number`, `boolean`, `null`, `any`, `base64`, `'a word'`, a name of `types`,
/// several of them with `|`, each as a list with `[]` behind; a name may stand for such a text, too. A field whose name ends in `?` may be absent;
/// a field that is not named must be.
class event_schema {
 public:
  /// Errors: gateway.bad_schema, with the first type that means nothing.
  static result<event_schema> read(const std::string& text);

  /// Empty where `event` is one of the schema's; else what is wrong, with its place. The event's name
  /// is its field `type`; where `type` names none, its only field's (Gemini's way).
  std::string wrong_with(const json& event) const;

 private:
  std::string check_object(const json& value, const json& fields, const std::string& at) const;
  std::string check(const json& value, std::string_view type, const std::string& at) const;
  std::string check_one(const json& value, std::string_view type, const std::string& at) const;

  json types_, events_;
};

}  // namespace hocket::gateway
