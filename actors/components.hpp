#pragma once

#include "graph/contract/registry.hpp"

namespace hocket {

/// Registers every component type under actors/. Plugins register themselves beside
/// (graph/contract/plugins_all.hpp).
///
/// Errors: what the first failing registration reports.
result<void> register_components(registry& into);

}  // namespace hocket
