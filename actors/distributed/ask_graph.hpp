#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "actors/distributed/options.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::distributed {

/// What a host had agreed to when it was killed: hashes of the graph it had, and of the new one.
struct open_vote {
  std::string had, voted;
};

/// Whether the run of the other hosts has the graph `voted`, or is about to: for a host that was
/// killed before it heard of the decision. While the leader answers its word alone counts: `voted`
/// is yes, `had` is no, and any other graph is no answer, which is told. Where it was not reached for
/// `leader_first`, a host that may change the graph (`rewires`) and has `voted` is believed, too.
/// Waits until one of them answers. No host learns from it that this one is back, and none counts its
/// vote any longer.
///
/// Where this host leads, the question is whether its word had left it: `voted` of any host is yes (of
/// one that may not change the graph where none says `had`), `had` of all is no. After `leader_first`
/// the silent ones are not waited for; where all are silent they were killed, too, with votes about
/// which they will ask this host: yes. Another graph is no answer, which is told.
///
/// `wait` is called some 50 times a second with what is known of those that are waited for; false ends
/// the waiting. Errors: rewire.not-asked (`wait` ended it), those of partition() and wire::node.
result<bool> has_graph(const plan& whole, const host_options& mine, const open_vote& vote,
                       const std::function<bool(const std::string& about_others)>& wait,
                       std::chrono::milliseconds leader_first = std::chrono::seconds(5));

}  // namespace hocket::distributed
