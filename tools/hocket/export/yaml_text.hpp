#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace hocket::cli {

/// JSON as YAML in block style: keys in their order, strings quoted where YAML could read them as
/// something else, text of several lines as a literal block.
std::string yaml_text(const nlohmann::ordered_json& value);

}  // namespace hocket::cli
