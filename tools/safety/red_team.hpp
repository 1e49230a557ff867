// Adversaries against a graph for hours of stream time; what gets through is shrunk and kept.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tools/safety/attack.hpp"
#include "tools/safety/play.hpp"

namespace hocket::safety {

struct red_team_options {
  std::uint64_t seed = 1;
  double hours = 10;          ///< of stream time
  double talk_min = 15;       ///< length of one conversation
  std::int64_t shrunk = 200;  ///< successes that are shrunk, at most
  play_options play;
  rewriter* model = nullptr;  ///< a language model among the adversaries; nullptr: none
  std::function<void(double hours, std::int64_t found)> progress;
};

/// An attack that was answered.
struct success {
  attack what;
  double at_s = 0;       ///< of its conversation
  bool is_alone = true;  ///< it succeeds in a conversation of its own; else it was not shrunk
};

struct red_team_report {
  double hours = 0;
  std::int64_t attacks = 0;
  std::vector<success> successes;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> by_strategy;  ///< successes, attacks
};

/// Plays attacks of `goals` in long conversations until the hours are over. An attack succeeds where what it asks
/// for is answered, and no part of it was refused. *Errors*: those of play.
result<red_team_report> attack_graph(const arena& where, const case_set& goals,
                                     const policy::rules& all, const red_team_options& how);

/// The shortest conversation that still succeeds: turns and words that only wrap are left out (delta
/// debugging), several candidates in one run.
result<attack> shrunk(const arena& where, attack a, const policy::rules& all,
                      const play_options& how);

}  // namespace hocket::safety
