#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/host/runtime.hpp"
#include "actors/record/recording.hpp"
#include "actors/replay/comparison.hpp"
#include "actors/replay/replay_plan.hpp"

/// A run in real time, once more: every call into a component is made again, in the order in which it
/// was made, with the packets that it was given and the time that it was told.
namespace hocket::replay {

/// True where a recording holds what that takes.
bool can_retrace(const record::recording& from);

/// Who makes its calls again, and who is played.
struct retrace_cast {
  std::vector<std::string> live, played, left_out;  ///< names of actors, over all graphs
  std::vector<std::string> notes;                   ///< why somebody is played who is no source
};

/// `later`: the recorded run's revisions, with the component types of `original`.
/// Errors: replay.no_such_actor, replay.nothing_runs (with what is lacking).
result<retrace_cast> cast_retrace(const plan& original, const record::recording& from,
                                  const replay_request& request,
                                  const std::vector<later_graph>& later = {});

struct retrace_options {
  const registry* types = nullptr;
  std::string output_dir = "out";
  std::shared_ptr<const trust::capability> may = {};  ///< as runtime_options
  std::function<bool()> stop_wanted = [] { return false; };
};

struct retraced {
  host::run_summary end;                  ///< without links: there are no queues
  std::vector<compared_output> compared;  ///< what live actors emitted
  std::vector<std::string> notes;         ///< who turned out to need a device
  std::uint64_t calls = 0;                ///< made again
};

/// Errors: replay.gap (the recording lacks what a call was given), replay.failed (a component fails
/// where it did not).
result<retraced> retrace(const plan& original, std::shared_ptr<const record::recording> from,
                         const retrace_cast& who, const retrace_options& options,
                         const std::vector<later_graph>& later = {});

}  // namespace hocket::replay
