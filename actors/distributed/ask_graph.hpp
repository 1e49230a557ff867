#pragma once

#include <functional>
#include <string>

#include "actors/distributed/options.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::distributed {

/// Whether the run of the other hosts has the graph `hash`, or is about to: for a host that was
/// killed when it had agreed to a new graph and not heard of the decision. The leader's word counts,
/// and that of any host which has it; waits until one of them answers. No host learns from it that
/// this one is back, and none counts its vote any longer.
///
/// `wait` is called some 50 times a second with what is known of the leader; false ends the
/// waiting. Errors: rewire.not-asked (`wait` ended it), those of partition() and wire::node.
result<bool> has_graph(const plan& whole, const host_options& mine, const std::string& hash,
                       const std::function<bool(const std::string& about_leader)>& wait);

}  // namespace hocket::distributed
