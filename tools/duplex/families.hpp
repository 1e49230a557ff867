// The families of tests: how each item is made and what it is called. How it is judged: score.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/duplex/stage.hpp"

namespace hocket::duplex {

struct family {
  const char* name;
  const char* folder;         ///< in the test set; Full-Duplex-Bench's name where there is one
  std::int64_t count, quick;  ///< items of a full and of a quick run
  bool video;                 ///< needs a video input
  const char* what;           ///< one sentence for people
  void (*make)(stage&, item&);
};

/// What every machine can play.
const std::vector<family>& all_families();
/// What needs a speech bank (tools/scenarios/bank): people's words, neural voices.
const std::vector<family>& bank_families();
/// Of both.
const family* find_family(const std::string& name);
bool needs_bank(const std::string& name);

struct set_options {
  std::uint64_t seed = 770001;  ///< base of the test seeds
  bool quick = false;
  std::int64_t items = 0;             ///< of each family, at most; 0: as many as it has
  std::vector<std::string> families;  ///< empty: all
  bool robustness = true;             ///< also the core items under each condition
  double long_minutes = 60;           ///< the long session beside the one of 10 min; 0: neither
  bool bank = false;                  ///< also bank_families()
};

/// Which item, without making it.
struct item_spec {
  std::string family;  ///< or "session"
  std::int64_t index = 0;
  std::string condition = "clean";
  double minutes = 0;  ///< sessions
  std::string key() const;
};

/// The items of a set in a fixed order. *Errors*: duplex.family for an unknown name.
result<std::vector<item_spec>> plan_set(const set_options& options);

/// Of an item: what all else is drawn from. Conditions share it with their clean twin.
std::uint64_t item_seed(std::uint64_t base_seed, const item_spec& of);

/// Makes items; a pure function of seed, spec and, for bank_families, the bank's held-out part.
/// *Threads*: any; one item at a time. *Errors*: scenarios.voice; duplex.bank without what it needs.
result<item> make_item(std::uint64_t base_seed, const item_spec& of,
                       const scenarios::speech_bank* bank = nullptr);

// The families, by file: families_turns.cpp, families_time.cpp, families_tools.cpp,
// families_video.cpp, families_field.cpp.
void make_other_talk(stage&, item&);
void make_noise10(stage&, item&);
void make_telephone(stage&, item&);
void make_unseen(stage&, item&);
void make_people(stage&, item&);
void make_pause(stage&, item&);
void make_turn(stage&, item&);
void make_interruption(stage&, item&);
void make_barge_in(stage&, item&);
void make_backchannel(stage&, item&);
void make_other(stage&, item&);
void make_background(stage&, item&);
void make_bystander(stage&, item&);
void make_vocal_tic(stage&, item&);
void make_story(stage&, item&);
void make_time_speak(stage&, item&);
void make_time_once(stage&, item&);
void make_cue_speak(stage&, item&);
void make_delegation(stage&, item&);
void make_corrected(stage&, item&);
void make_refusal(stage&, item&);
void make_rep_count(stage&, item&);
void make_motion(stage&, item&);
void make_proactive(stage&, item&);
void make_visual_cue(stage&, item&);

/// "seven plus four", "that is eleven"
struct sum_of {
  int a = 0, b = 0;
  std::string question() const;
  std::string answer() const;
};
sum_of draw_sum(scenarios::random_stream& rng);

}  // namespace hocket::duplex
