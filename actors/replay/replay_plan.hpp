#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/record/recording.hpp"
#include "graph/core/diagnostic.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::replay {

/// Which actors run; globs of names. Both empty: everything runs but the sources, which are played.
struct replay_request {
  std::vector<std::string> only =
      {};  ///< only these run; what feeds them is played, the rest left out
  std::vector<std::string> play = {};  ///< these are played too
  /// Names of actors that have another component than in the recording: without `only` they run, also
  /// where they are sources.
  std::vector<std::string> replaced = {};
};

/// A graph that the recorded run went on with, as a plan of now.
struct later_graph {
  int number = 2;
  timestamp from;
  plan graph;
};

/// A plan in which recorded actors are played. It lives as long as `types`.
struct replay_plan {
  plan graph;
  /// What the replay goes on with, at the times at which the recorded run did: planned rewires for the
  /// runtime. Who is played in both takes no notice.
  std::vector<later_graph> later;
  std::vector<std::unique_ptr<component_type>> types;
  std::vector<std::string> live, played, left_out;  ///< names of actors, over all graphs
  std::vector<std::string> warnings;  ///< why the replay may differ from the recorded run
  int sessions = 1;
  /// Everybody who may have interrupted is there: epochs come out the same.
  bool same_epochs = true;
};

/// Errors: replay.no_such_actor (a glob that names nothing), replay.not_recorded (an output that a
/// live actor needs is not in the recording), replay.other_host (the same, and another host than the
/// one that recorded emitted it), replay.nothing_runs.
///
/// `later`: the recorded run's revisions, with the component types of `original`.
result<replay_plan> make_replay(const plan& original, std::shared_ptr<const record::recording> from,
                                const replay_request& request,
                                const std::vector<later_graph>& later = {});

/// Everything that make_replay() would miss in the recording, all graphs together, with what to do.
/// Empty where it misses nothing. `file`: where the recording lies, for the messages.
diagnostics find_lacking(const plan& original, const record::recording& from,
                         const std::string& file, const replay_request& request,
                         const std::vector<later_graph>& later = {});

}  // namespace hocket::replay
