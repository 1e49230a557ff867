// The kinds of things that happen in a conversation. Each adds one episode at the builder's cursor.
#pragma once

#include "tools/scenarios/builder.hpp"

namespace hocket::scenarios {

/// How often a family is drawn in a mixed conversation, and what it does.
struct family {
  const char* name;
  double weight;
  void (*play)(builder&);
};

const std::vector<family>& all_families();
const family* find_family(const std::string& name);

/// Details that the main job fixes and the families draw.
struct sum_plan {
  int a = 3, b = 4;
  double pause_s = 0;   ///< 0: none
  int pause_after = 3;  ///< words before the pause
};
void play_sum(builder& b, const sum_plan& plan);

struct delegate_plan {
  std::string request, task, result;
  std::int64_t delay_turns = 5;  ///< from the first output of the delegation to the first word
  double pause_s = 0;
  std::string meanwhile;  ///< small talk of the person while it waits; empty: none
};
void play_delegate(builder& b, const delegate_plan& plan);

enum class count_event { none, stop, backchannel, faint_stop };
void play_count(builder& b, int to, count_event event, double where);

void play_timer(builder& b, int seconds, int pings, double past_last, bool backchannel);

void play_bystander(builder& b, const std::string& words, bool faint);

void play_small_talk(builder& b, std::size_t pair);

}  // namespace hocket::scenarios
