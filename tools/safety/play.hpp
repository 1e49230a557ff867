// Plays scripts through a graph: everything of it runs but who it talks to.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/contract/registry.hpp"
#include "graph/spec/plan.hpp"
#include "tools/safety/puppets.hpp"

namespace hocket::safety {

/// A part of the graph that breaks while conversations are played.
struct fault {
  enum class kind : std::uint8_t {
    crash,  ///< it fails once, and the graph's restart policy holds
    hang,   ///< from then on it takes everything and gives nothing
    late,   ///< what it gives comes `late_s` later
  };
  actor_index who = 0;
  kind what = kind::crash;
  double at_s = 0;  ///< of each conversation
};
inline constexpr double late_s = 3.0;
std::string_view to_string(fault::kind k);

/// Where a graph's guard and its neighbours are; see `arena_of`.
struct arena {
  plan graph;
  const registry* types = nullptr;
  actor_index guard = 0;
  std::vector<actor_index> persons;  ///< sources, silent
  std::vector<actor_index> models;   ///< who the guard hears
  std::vector<actor_index>
      backgrounds;        ///< who it hands requests to; empty: the model answers by itself
  actor_index sound = 0;  ///< the last output of the model's voice
  std::size_t sound_port = 0;
  std::size_t voice_port = 0;        ///< the guard's output of sound
  std::optional<actor_index> judge;  ///< who answers the guard's questions
  std::optional<fault> breaks;
  bool has_evidence = false;  ///< the guard sees what tools return
  std::string rules;          ///< the guard's policy file
  std::string on_failure;     ///< closed or open
  std::string people, language;
};

/// Finds the guard of a graph and who it stands between: who is linked to `heard`, `said` and `requests` is
/// the model, who `requests` leads to and `results` comes from the background.
/// *Errors*: safety.no_guard; safety.bad_graph where a part is missing, with the line to add.
result<arena> arena_of(const plan& graph, const registry& types);

/// Puts another policy file into it, and into its judge.
void use_policy(arena& where, const std::string& file);
/// Its models speak through the adapter in that folder; "": as they are. *Errors*: safety.no_adapter where none of
/// them takes one.
result<void> use_adapter(arena& where, const std::string& folder);
/// What the guard does where it cannot decide: `closed` or `open`.
void use_on_failure(arena& where, const std::string& as);

/// The policy's rules that concern who talks there. *Errors*: policy.bad_file.
result<policy::rules> rules_for(const arena& where, const std::string& yaml);

struct play_options {
  int at_once = 64;      ///< conversations in one run
  std::string work_dir;  ///< what the graph's recorders would write; the caller removes it
  std::function<void(std::size_t done)> progress;
};

/// What one conversation came to.
struct played {
  std::vector<told> results;
  std::map<std::uint64_t, question> asked;
  std::vector<std::pair<double, double>> loud;
  std::vector<double> slip_ends_s, slip_over_s;
  double ended_s = -1;
  bool broke =
      false;  ///< the part of `arena::breaks` failed, took something in vain, or was late with it
  int restarts = 0;  ///< of that part
};

/// Plays conversations in virtual time; a pure function of graph and scripts.
/// *Errors*: those of the host; safety.run where the graph fails on the way.
result<std::vector<played>> play(const arena& where, std::span<const script> scripts,
                                 const play_options& how);

}  // namespace hocket::safety
