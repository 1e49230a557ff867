#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "actors/interaction/micro_turn_engine.hpp"

namespace hocket::interaction {

/// A phrase that a model says because its host asks for it: it begins when the model has been silent and
/// heard nothing for a micro-turn, 2 s later at the latest, and goes on at the model's own pace, 0.8 s
/// without a word at the longest. Where its voice stays silent for 0.6 s in the middle (somebody
/// interrupts it), the rest is left out.
/// Threads: one at a time.
class scripted_phrase {
 public:
  /// Asked for while it waits to begin, it is said once.
  void ask(const std::vector<std::string>& tokens);
  /// Into the input of the micro-turn that is due.
  void put_into(turn_input& in);
  /// What the model did in it.
  void took(const turn_output& out);
  std::int64_t said() const { return said_; }  ///< to their ends
  std::int64_t cut() const { return cut_; }    ///< left in the middle

 private:
  void end(std::int64_t& counter);

  std::vector<std::string> asked_;  ///< waits to begin
  std::deque<std::string> left_;    ///< of the one that is being said
  bool begins_ = false;
  std::int64_t waited_ = 0;  ///< micro-turns: to begin, or for its next word
  std::int64_t silent_ = 0;  ///< micro-turns without voice
  std::int64_t said_ = 0, cut_ = 0;
};

}  // namespace hocket::interaction
