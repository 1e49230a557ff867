#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "graph/core/result.hpp"

namespace hocket::gateway {

using json = nlohmann::json;

/// Reads what a client sent: an object, at most `depth` levels deep (writing a deeper one would use up
/// the stack), UTF-8. Errors: gateway.bad_json, with what is wrong and where.
result<json> parse_object(std::string_view text, int depth = 48);

/// The member, or null where there is none or `in` is no object.
const json& member(const json& in, std::string_view key);

/// A text member; `otherwise` where it is absent or of another type.
std::string text_of(const json& in, std::string_view key, std::string_view otherwise = "");

/// A number within [low, high] from a member that is a number; `otherwise` where it is none.
double number_of(const json& in, std::string_view key, double otherwise, double low, double high);

/// The bytes that a value takes up when written.
std::size_t size_of(const json& value);

/// One line, for the wire. What is no UTF-8 is replaced, never thrown over.
std::string line_of(const json& value);

}  // namespace hocket::gateway
