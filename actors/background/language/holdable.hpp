// Schemas of tools as far as a model can be held to them.
#pragma once

#include <nlohmann/json.hpp>

namespace hocket::background {

/// Tools as a chat request has them, with parameters that `language::add_json` takes. A schema that it
/// refuses is wider here: of its keywords stay `type`, `properties`, `required` and a plain
/// `additionalProperties`, and a property that it refuses may be anything. What is called then is an
/// object with the right names, and the tool itself judges the rest; one strange schema of a server does
/// not take its other tools away. One that nothing satisfies stays as it is.
nlohmann::ordered_json holdable(const nlohmann::ordered_json& tools);

}  // namespace hocket::background
