#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "graph/core/result.hpp"

namespace hocket::language {

/// JSON as it must be: no duplicate keys (parsers differ in which one wins), no nesting over 64
/// levels, nothing after the value. *Errors* (`model_file.bad_json`), beginning with `name`.
result<nlohmann::json> strict_json(std::string_view text, const std::string& name);

/// The same with the order of keys kept, as templates print tool definitions.
result<nlohmann::ordered_json> strict_ordered_json(std::string_view text, const std::string& name);

/// A config as Python's json writes it: Infinity, -Infinity and NaN, which JSON has not, become texts
/// ("Infinity"), so that who asks for a number there refuses them.
std::string plain_json(std::string_view text);

/// The JSON of a regular file of at most `limit_bytes`.
result<nlohmann::json> load_json(const std::string& path, std::size_t limit_bytes);

}  // namespace hocket::language
