#pragma once

#include "graph/spec/rewire.hpp"

namespace hocket::spec {

/// Refuses what a running graph cannot become: codes `rewire.*`.
void check_rewire(const plan& running, const plan& wanted, diagnostics& findings);

/// Refuses replicas that would change their host, and numbers on the wire that fall together.
void check_crossings(const plan& running, const rewire_plan& r, diagnostics& findings);

/// Refuses an actor that moves in one change with another that feeds it through one that stays: each
/// would wait until the other has begun, or closed.
void check_moves(const plan& running, const rewire_plan& r, diagnostics& findings);

}  // namespace hocket::spec
