#pragma once

#include "actors/distributed/options.hpp"
#include "graph/core/result.hpp"
#include "graph/spec/plan.hpp"
#include "tools/hocket/run/commands.hpp"

namespace hocket::cli {

/// Which part of the plan this process runs, with its keys and addresses: from the graph's `hosts:`
/// and the options --host, --secret-key, --listen and --peer.
/// Errors: placement.* (which host), wire.* (key files), run.bad_peer; the message has the remedy.
result<distributed::host_options> place_here(const plan& graph, const run_options& o);

}  // namespace hocket::cli
