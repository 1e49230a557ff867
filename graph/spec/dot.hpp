#pragma once

#include <string>

#include "graph/spec/plan.hpp"

namespace hocket::spec {

/// The plan in Graphviz' language: a cluster per host, links labelled with ports, media type, queue
/// size and policy; back edges dashed. Deterministic.
std::string to_dot(const plan& graph);

}  // namespace hocket::spec
