#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "graph/core/result.hpp"

namespace hocket::language {

/// Gives each line of `text` that is not blank to `take`, as strict JSON and in order; returns how many.
/// *Errors*: the first one ends it, with `name:line` in front: of `take`, or model_file.bad_json.
result<std::int64_t> for_each_json_line(
    std::string_view text, const std::string& name,
    const std::function<result<void>(const nlohmann::json&)>& take);

}  // namespace hocket::language
