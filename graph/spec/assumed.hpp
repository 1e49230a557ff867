#pragma once

#include <string>
#include <vector>

#include "graph/contract/registry.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::spec {

/// For commands that load no plugin: adds to `into` each component type and tool that the graph names
/// and `into` does not know, as the graph uses it: with the ports it is linked by, each of the type of
/// the other end, and with the keys that are given. Such a type cannot be made.
///
/// Returns their names; what they declare is not checked. Findings are left to load_plan.
std::vector<std::string> assume_types(const std::string& file, const std::string& text,
                                      const load_options& options, registry& into);

}  // namespace hocket::spec
