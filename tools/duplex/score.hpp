// How the families are judged: a pure function of what was to happen and what did.
#pragma once

#include <map>
#include <string>

#include "tools/duplex/item.hpp"
#include "tools/duplex/timeline.hpp"

namespace hocket::duplex {

/// The judgement of one item. A value that is not there does not apply to the item: a latency where
/// nothing was said, a word where only sound is known.
struct scored {
  std::map<std::string, double> values;
  double good = 0;      ///< 0 to 1: what points, pictures and comparisons go by
  std::string verdict;  ///< a few words for people
};

/// Judges by the item's family; definitions stand beside the measures (summary.cpp).
scored score(const item& of, const timeline& did);

/// Of a run in real time: `word_wait_s`, `word_wait_max_s` (how long after its stream time a word
/// was there), `lost_sound_ms_per_min`, and, where the graph has a budget, `budget_p50_ms`,
/// `budget_p99_ms`, `budget_missed` (a share). All but the waits are of the run that the item was in.
/// Nothing in virtual time.
void score_costs(scored& out, const item& of, const timeline& did);

/// What Full-Duplex-Bench V1.5 measures around an overlap: `overlap_s` (both sound, from the
/// overlap's begin, where the model was speaking), `response_s` (to the model's next begin) and,
/// where the label is the wanted one, `voice_<what>_before` and `voice_<what>_change`; also
/// `voice_sudden_end`, 1 where what was sounding ends with a fall of 18 dB between 30 ms frames.
void score_around(scored& out, const item& of, const timeline& did);

/// When the model, speaking at `from_s`, fell silent: the end of the sound before the reply where
/// there is one, else of the stretch of sound (gaps up to 0.5 s closed) that covers `from_s`.
/// Nothing where it did not speak.
std::optional<double> yields_at(const timeline& t, double from_s, std::optional<double> reply_s);

/// Jensen-Shannon distance (natural logarithm, square root, 0 to 1) between when short sounds began,
/// in windows of 0.2 s over [from_s, to_s), and a listener who begins 0.2 to 0.6 s after each clause.
double backchannel_distance(const std::vector<segment>& speech,
                            const std::vector<double>& clause_ends_s, double from_s, double to_s);

/// Equal where blanks in arithmetic and upper case do not count.
bool same_call(const wanted_call& a, const tool_use& b);

/// Where the graph says what it heard: `heard_recall` and `heard_precision`, over the words of the person
/// that the model has (longest common subsequence).
void score_heard(scored& out, const item& of, const timeline& did);

// The families, by file: score_turns.cpp, score_time.cpp, score_tools.cpp, score_field.cpp.
scored score_other_talk(const item&, const timeline&);
scored score_in_noise(const item&, const timeline&);
scored score_people(const item&, const timeline&);
scored score_pause(const item&, const timeline&);
scored score_turn(const item&, const timeline&);
scored score_interruption(const item&, const timeline&);
scored score_barge_in(const item&, const timeline&);
scored score_resume(const item&, const timeline&);
scored score_bystander(const item&, const timeline&);
scored score_vocal_tic(const item&, const timeline&);
scored score_story(const item&, const timeline&);
scored score_time_speak(const item&, const timeline&);
scored score_time_once(const item&, const timeline&);
scored score_cue_speak(const item&, const timeline&);
scored score_delegation(const item&, const timeline&);
scored score_refusal(const item&, const timeline&);
scored score_session(const item&, const timeline&);
scored score_rep_count(const item&, const timeline&);
scored score_proactive(const item&, const timeline&);
scored score_visual_cue(const item&, const timeline&);
scored score_motion(const item&, const timeline&);

}  // namespace hocket::duplex
