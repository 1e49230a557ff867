#pragma once

#include <map>
#include <string>

#include "graph/spec/plan.hpp"

namespace hocket::spec {

/// The plan as one flat graph file that says everything: includes in place, references replaced,
/// defaults written out. Loading it with `load_options::expanded` gives a plan with the same hash.
///
/// `components`: actors (by name) whose component type is another one in the text; their config
/// keys are left out, because they belong to the old type.
std::string to_yaml(const plan& graph, const std::map<std::string, std::string>& components = {});

}  // namespace hocket::spec
