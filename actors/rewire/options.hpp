#pragma once

#include <functional>
#include <string>
#include <vector>

#include "actors/host/options.hpp"
#include "actors/host/run_changes.hpp"
#include "actors/host/actor/send.hpp"
#include "graph/spec/plan.hpp"

namespace hocket::rewire {

using host::graph_text;
using host::rewire_outcome;
using host::rewire_request;

/// Rolled back by a host that had agreed, and was not told what was decided.
inline constexpr auto undecided_code = "rewire.undecided";

/// A rewire that is known before the run begins: its text is what `load` makes of `file`.
struct planned_rewire {
  std::string file;
  timestamp at;  ///< at the first boundary from here on
};

/// How a run can become another graph.
struct options {
  /// How the text of a new graph file becomes a plan here: with the parameters and settings of this
  /// run. What it had to read from files is in `includes` afterwards. An error's message holds all
  /// findings. Empty: the run cannot be rewired.
  std::function<result<plan>(graph_text&)> load = {};
  /// The number of the plan that this run starts with: over 1 where a killed process comes back.
  int revision = 1;
  /// Told as soon as it is decided that the run goes on with a new graph, before the boundary at
  /// which it does (virtual time, and the host that leads several: at it): for the program that keeps
  /// what a restart needs. The outcome is not whole yet. If the run ends before the boundary, `rewired` says `rolled_back`.
  std::function<void(const rewire_request&, const rewire_outcome&)> decided = {};
  /// Several hosts: told before this host says that it agrees to a new graph, or, where it leads,
  /// that all do; for the program that keeps what a restart needs: should it be killed before
  /// `decided`, it has to ask (distributed::has_graph). An error is a vote against. `decided`, or
  /// `rewired` with `rolled_back`, is the end of that; but with the code `undecided_code` it is still open.
  std::function<result<void>(const rewire_request&, const rewire_outcome&)> voted = {};
  /// Rewires that this run goes through by itself, in order of time; others are refused until the
  /// last is done. In virtual time each comes at its boundary, every time. Not over several hosts.
  std::vector<planned_rewire> planned_rewires = {};
  /// Told once for each rewire that this process took part in, no matter which host it was asked
  /// of. Where one of `planned_rewires` could not be done its outcome says so, and the run goes on
  /// as it is.
  std::function<void(const rewire_request&, const rewire_outcome&)> rewired = {};
  /// What the run's socket answers besides requests for rewires; "": not understood. From the socket's
  /// thread. `say` puts a packet into the run: host::send.
  using sayer =
      std::function<void(const std::string& output, session_id to, payload, host::sent_told)>;
  std::function<std::string(const std::string& line, const sayer& say)> answer = {};
};

/// A run with these options can be rewired. After distributed::join_hosts, where it has several
/// hosts.
void allow_changes(host::runtime_options& run, options how);

}  // namespace hocket::rewire
