#pragma once

#include "graph/spec/rewire.hpp"

namespace hocket::spec {

/// Refuses what a running graph cannot become: codes `rewire.*`.
void check_rewire(const plan& running, const plan& wanted, diagnostics& findings);

/// Refuses links between hosts that come, go or change.
void check_crossings(const rewire_plan& r, diagnostics& findings);

}  // namespace hocket::spec
