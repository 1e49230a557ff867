#pragma once

#include "graph/contract/registry.hpp"

namespace hocket::plugins {

/// Registers every plugin that was built in, in the order of their folders. CMake writes the body
/// (`hocket_plugin` in tools/cmake); link `hocket_all_plugins`.
///
/// Errors: what the first failing registration reports.
result<void> register_all_plugins(registry& into);

}  // namespace hocket::plugins
