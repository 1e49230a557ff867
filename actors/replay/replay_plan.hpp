#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/record/recording.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::replay {

/// Which actors run; globs of names. Both empty: everything runs but the sources, which are played.
struct replay_request {
  std::vector<std::string> only =
      {};  ///< only these run; what feeds them is played, the rest left out
  std::vector<std::string> play = {};  ///< these are played too
};

/// A plan in which recorded actors are played. It lives as long as `types`.
struct replay_plan {
  plan graph;
  std::vector<std::unique_ptr<component_type>> types;
  std::vector<std::string> live, played, left_out;  ///< names of actors
  std::vector<std::string> warnings;  ///< why the replay may differ from the recorded run
  int sessions = 1;
  /// Everybody who may have interrupted is there: epochs come out the same.
  bool same_epochs = true;
};

/// Errors: replay.no_such_actor (a glob that names nothing), replay.not_recorded (an output that a
/// live actor needs is not in the recording), replay.nothing_runs.
result<replay_plan> make_replay(const plan& original, std::shared_ptr<const record::recording> from,
                                const replay_request& request);

}  // namespace hocket::replay
