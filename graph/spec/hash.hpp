#pragma once

#include <string>

#include "graph/spec/plan.hpp"

namespace hocket::spec {

/// The expanded graph as text in one way only: what every host must agree on.
std::string canonical_text(const plan& graph);

/// 16 hexadecimal digits of the canonical text (FNV-1a, 64 bits): a name for equal graphs, no
/// protection against forgery, which the keys of the hosts give.
std::string hash_of(const std::string& canonical);

}  // namespace hocket::spec
