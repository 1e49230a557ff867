#pragma once

#include <string>

#include "graph/contract/registry.hpp"

namespace hocket::process {

/// Adds a tool that is a class of a Python file. Its calls go to children that are confined as the
/// class says (no network, unless it declares one): several at once, each in one of its own; what a
/// child does to itself is an error of the call, and the next call gets another.
///
/// Errors: what the registry refuses. Calls: python.failed, process.died, process.hung, ...
result<void> add_python_tool(const std::string& file, const std::string& class_name,
                             const tool_info& info, bool knows_tasks, registry& into);

}  // namespace hocket::process
