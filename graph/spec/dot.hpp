#pragma once

#include <string>

#include "graph/spec/plan.hpp"

namespace hocket::spec {

/// The plan in Graphviz' language: a box per host with the actors that run there, links labelled
/// with ports, media type, queue size and policy; back edges dashed. Links between two hosts stand
/// out, with what they promise across a failure. Deterministic.
std::string to_dot(const plan& graph);

/// Whether a link leads from one host to another.
bool crosses(const plan& graph, const plan_link& link);

}  // namespace hocket::spec
