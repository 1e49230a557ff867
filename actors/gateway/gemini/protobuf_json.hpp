#pragma once

#include "actors/gateway/json.hpp"

namespace hocket::gateway::gemini {

/// Protobuf's JSON as one spelling: names in camel case at every level, whichever of the two a client
/// wrote. What belongs to an application stays as it is: arguments and results of functions, schemas.
json in_camel_case(const json& value);

}  // namespace hocket::gateway::gemini
