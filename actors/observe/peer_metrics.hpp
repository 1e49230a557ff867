#pragma once

#include "actors/host/runtime.hpp"
#include "actors/observe/exposition.hpp"

namespace hocket::observe {

/// The families `hocket_peer_…` of a snapshot: state of the other processes, their clocks, and both
/// halves of every link that crosses. Nothing where all runs in one process.
void write_peers(exposition& out, const host::snapshot& s);

}  // namespace hocket::observe
