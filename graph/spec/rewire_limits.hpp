#pragma once

#include "graph/spec/plan.hpp"

namespace hocket::spec {

/// Refuses what a running graph cannot become: codes `rewire.*`.
void check_rewire(const plan& running, const plan& wanted, diagnostics& findings);

}  // namespace hocket::spec
