#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "graph/core/result.hpp"

namespace hocket::payloads {

using json = nlohmann::json;

/// One JSON value, no longer, no deeper than the limits, and without a name twice in an object, which
/// two readers would read differently. Errors: payload.json.
result<json> parse_json(std::string_view text, std::size_t bytes_max, int depth_max);

/// A name as part of a JSON pointer, short enough for a message.
std::string pointer_part(std::string_view name);

}  // namespace hocket::payloads
