#include "actors/gateway/event_schema.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "actors/gateway/sound.hpp"

namespace hocket::gateway {
namespace {

constexpr std::array<std::string_view, 7> basic = {"text", "integer", "number", "boolean",
                                                   "null", "any",     "base64"};

bool is_quoted(std::string_view type) {
  return type.size() >= 2 && type.front() == '\'' && type.back() == '\'';
}

/// Calls `each` with every alternative, its `[]` cut off and told.
template <class Each>
void alternatives(std::string_view type, Each each) {
  while (!type.empty()) {
    auto one = type.substr(0, type.find('|'));
    type.remove_prefix(std::min(one.size() + 1, type.size()));
    const bool is_list = one.size() > 2 && one.substr(one.size() - 2) == "[]";
    if (is_list) one.remove_suffix(2);
    each(one, is_list);
  }
}

}  // namespace

result<event_schema> event_schema::read(const std::string& text) {
  auto whole = parse_object(text);
  if (!whole) return fail("gateway.bad_schema", whole.error().message);
  event_schema out;
  out.types_ = member(*whole, "types");
  out.events_ = member(*whole, "events");
  if (!out.types_.is_object() || !out.events_.is_object() || out.events_.empty())
    return fail("gateway.bad_schema", "`types` and `events` are objects");
  const auto unknown_in = [&](const json& type) -> std::string {
    if (!type.is_string()) return "not a text";
    std::string unknown;
    alternatives(type.get_ref<const std::string&>(), [&](std::string_view one, bool) {
      if (!is_quoted(one) && std::find(basic.begin(), basic.end(), one) == basic.end() &&
          !out.types_.contains(std::string(one)))
        unknown = one;
    });
    return unknown;
  };
  for (const auto* part : {&out.types_, &out.events_})
    for (const auto& [name, fields] : part->items()) {
      const auto types = fields.is_object() ? fields : json{{"", fields}};
      for (const auto& [field, type] : types.items())
        if (const auto unknown = unknown_in(type); !unknown.empty())
          return fail("gateway.bad_schema",
                      fmt::format("{}.{}: `{}` is no type", name, field, unknown));
    }
  return out;
}

std::string event_schema::wrong_with(const json& event) const {
  if (!event.is_object() || event.empty()) return "no event";
  const auto type = text_of(event, "type", event.begin().key());
  const auto& fields = member(events_, type);
  if (!fields.is_object()) return fmt::format("`{}` is no event", type);
  return check_object(event, fields, type);
}

std::string event_schema::check_object(const json& value, const json& fields,
                                       const std::string& at) const {
  if (!value.is_object()) return at + ": no object";
  for (const auto& [name, type] : fields.items()) {
    const bool optional = name.back() == '?';
    const auto key = optional ? name.substr(0, name.size() - 1) : name;
    const auto found = value.find(key);
    if (found == value.end()) {
      if (!optional) return fmt::format("{}.{} is missing", at, key);
      continue;
    }
    if (auto wrong = check(*found, type.get<std::string>(), at + "." + key); !wrong.empty())
      return wrong;
  }
  for (const auto& [key, ignored] : value.items())
    if (key != "type" && !fields.contains(key) && !fields.contains(key + "?"))
      return fmt::format("{}.{} is no field", at, key);
  return {};
}

std::string event_schema::check(const json& value, std::string_view type,
                                const std::string& at) const {
  std::string wrong;
  bool fits = false;
  alternatives(type, [&](std::string_view one, bool is_list) {
    if (fits) return;
    std::string now;
    if (!is_list) {
      now = check_one(value, one, at);
    } else if (!value.is_array()) {
      now = at + ": no list";
    } else {
      for (std::size_t i = 0; i < value.size() && now.empty(); ++i)
        now = check_one(value[i], one, fmt::format("{}[{}]", at, i));
    }
    fits = now.empty();
    if (wrong.size() < now.size()) wrong = now;  // the alternative that got furthest says most
  });
  return fits ? "" : wrong;
}

std::string event_schema::check_one(const json& value, std::string_view type,
                                    const std::string& at) const {
  const auto unless = [&](bool good) {
    return good ? std::string() : fmt::format("{}: no {}", at, type);
  };
  if (is_quoted(type))
    return unless(value.is_string() &&
                  value.get_ref<const std::string&>() == type.substr(1, type.size() - 2));
  if (type == "any") return {};
  if (type == "text") return unless(value.is_string());
  if (type == "integer") return unless(value.is_number_integer());
  if (type == "number") return unless(value.is_number());
  if (type == "boolean") return unless(value.is_boolean());
  if (type == "null") return unless(value.is_null());
  if (type == "base64")
    return unless(value.is_string() &&
                  decode_base64(value.get_ref<const std::string&>()).has_value());
  const auto& named = types_.at(std::string(type));
  return named.is_string() ? check(value, named.get<std::string>(), at)
                           : check_object(value, named, at);
}

}  // namespace hocket::gateway
