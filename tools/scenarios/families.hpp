// The kinds of things that happen in a conversation. Each adds one episode at the builder's cursor.
#pragma once

#include "tools/scenarios/builder.hpp"

namespace hocket::scenarios {

/// How often a family is drawn in a mixed conversation, and what it does.
struct family {
  const char* name;
  double weight;
  void (*play)(builder&);
  bool sees = false;  ///< needs a camera
};

const std::vector<family>& all_families();
/// Also `other_talk` and `typed`, which are no part of `all`: conversations in the field hold them.
const family* find_family(const std::string& name);

inline constexpr std::int64_t samples_of(double seconds) {
  return static_cast<std::int64_t>(seconds * 16000.0);
}

/// Ends the episode a little after both are quiet: the person's sound and the model's output `k_end`.
void quiet_from(builder& b, const std::string& what, std::int64_t person_end, std::int64_t k_end);
/// The person asks for a mode and the model says "okay"; returns the sample from which it goes on.
std::int64_t acknowledged(builder& b, const std::string& command);

// families_talk.cpp
void draw_interrupt(builder& b);
void draw_story(builder& b);
void draw_correct(builder& b);
void draw_cancel(builder& b);
void draw_followup(builder& b);
void draw_multi(builder& b);
void draw_refuse(builder& b);
void draw_how_long(builder& b);
void draw_once(builder& b);
void draw_spell(builder& b);
void draw_lookup(builder& b);
void draw_other_talk(builder& b);
void draw_typed(builder& b);
// families_video.cpp
void draw_rep_count(builder& b);
void draw_flash(builder& b);
void draw_motion(builder& b);
void draw_watch(builder& b);
void draw_describe(builder& b);

/// Details that the main job fixes and the families draw.
struct sum_plan {
  int a = 3, b = 4;
  double pause_s = 0;   ///< 0: none
  int pause_after = 3;  ///< words before the pause
  bool typed = false;   ///< comes as text; then there is no pause
};
void play_sum(builder& b, const sum_plan& plan);

struct delegate_plan {
  std::string request, task, result;
  std::int64_t delay_turns = 5;  ///< from the first output of the delegation to the first word
  double pause_s = 0;
  std::string meanwhile;  ///< small talk of the person while it waits; empty: none
  int pause_after = 3;    ///< words
  bool typed = false;     ///< as in `sum_plan`
};
void play_delegate(builder& b, const delegate_plan& plan);

enum class count_event { none, stop, backchannel, faint_stop };
void play_count(builder& b, int to, count_event event, double where);

void play_timer(builder& b, int seconds, int pings, double past_last, bool backchannel);

void play_bystander(builder& b, const std::string& words, bool faint);

void play_small_talk(builder& b, std::size_t pair, bool typed = false);

/// An errand that is drawn: a times table, the weather, the time.
delegate_plan draw_errand(builder& b);

}  // namespace hocket::scenarios
