// hocket eval duplex --through: the same model behind a gateway, beside itself.
#pragma once

#include "tools/hocket/eval/eval_duplex.hpp"

namespace hocket::cli {

/// Plays the items to the graph, then to the same model behind a gateway of its own, a child process over
/// loopback, both by the wall clock, and prints both beside each other. `gateway`: heard as it arrives;
/// `remote`: by interaction.remote and a playout, as it stands in a graph.
int judge_through(const duplex_request& o);

}  // namespace hocket::cli
