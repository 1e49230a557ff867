#include "tools/duplex/score.hpp"

#include <algorithm>
#include <numeric>

namespace hocket::duplex {

void score_costs(scored& out, const item& of, const timeline& did) {
  if (!did.real_time) return;
  if (const auto& waits = did.word_waits_s; !waits.empty()) {
    out.values["word_wait_s"] =
        std::accumulate(waits.begin(), waits.end(), 0.0) / static_cast<double>(waits.size());
    out.values["word_wait_max_s"] = *std::ranges::max_element(waits);
  }
  out.values["lost_sound_ms_per_min"] = 60'000 * did.cost.lost_sound_s / of.length_s();
  if (did.cost.budget_checked == 0) return;
  out.values["budget_p50_ms"] = did.cost.budget_p50_ms;
  out.values["budget_p99_ms"] = did.cost.budget_p99_ms;
  out.values["budget_missed"] =
      static_cast<double>(did.cost.budget_missed) / static_cast<double>(did.cost.budget_checked);
}

void score_around(scored& out, const item& of, const timeline& did) {
  if (of.expect.sequence.empty() && did.voice.empty()) return;
  constexpr double sudden_db = 18;
  const auto stretches = merged(did.speech, 0.5);
  if (yields_at(did, of.from_s, std::nullopt))
    out.values["overlap_s"] = overlap_s(stretches, of.from_s, of.to_s);
  for (const auto& s : stretches)
    if (s.from_s >= of.to_s) {
      out.values["response_s"] = s.from_s - of.to_s;
      break;
    }
  if (const auto fall = did.voice.find("cut_off_db"); fall != did.voice.end())
    out.values["voice_sudden_end"] = fall->second >= sudden_db ? 1 : 0;
  const bool wanted =
      out.good == 1 && (of.expect.label == "RESPOND" || of.expect.label == "RESUME");
  const std::string before = "before_";
  for (const auto& [name, was] : did.voice) {
    if (!wanted || !name.starts_with(before)) continue;
    const auto what = name.substr(before.size());
    const auto is = did.voice.find("after_" + what);
    if (is == did.voice.end()) continue;
    out.values["voice_" + what + "_before"] = was;
    out.values["voice_" + what + "_change"] = is->second - was;
  }
}

scored score(const item& of, const timeline& did) {
  using judge = scored (*)(const item&, const timeline&);
  static const std::map<std::string, judge> judges{{"pause", score_pause},
                                                   {"turn", score_turn},
                                                   {"interruption", score_interruption},
                                                   {"barge_in", score_barge_in},
                                                   {"backchannel", score_resume},
                                                   {"other", score_resume},
                                                   {"background", score_resume},
                                                   {"bystander", score_bystander},
                                                   {"vocal_tic", score_vocal_tic},
                                                   {"model_backchannel", score_story},
                                                   {"time_speak", score_time_speak},
                                                   {"time_once", score_time_once},
                                                   {"cue_speak", score_cue_speak},
                                                   {"delegation", score_delegation},
                                                   {"delegation_corrected", score_delegation},
                                                   {"refusal", score_refusal},
                                                   {"other_talk", score_other_talk},
                                                   {"noise10", score_in_noise},
                                                   {"telephone", score_turn},
                                                   {"unseen", score_turn},
                                                   {"people", score_people},
                                                   {"session", score_session},
                                                   {"rep_count", score_rep_count},
                                                   {"proactive_video", score_proactive},
                                                   {"charades", score_motion},
                                                   {"visual_cue", score_visual_cue}};
  const auto found = judges.find(of.family);
  if (found == judges.end()) return {};
  scored out = found->second(of, did);
  score_around(out, of, did);
  score_heard(out, of, did);
  score_costs(out, of, did);
  return out;
}

}  // namespace hocket::duplex
