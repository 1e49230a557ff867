#pragma once

#include "graph/spec/rewire.hpp"

namespace hocket::spec {

/// Refuses what a running graph cannot become: codes `rewire.*`.
void check_rewire(const plan& running, const plan& wanted, diagnostics& findings);

/// Refuses replicas that would change their host, and numbers on the wire that fall together.
void check_crossings(const plan& running, const rewire_plan& r, diagnostics& findings);

}  // namespace hocket::spec
