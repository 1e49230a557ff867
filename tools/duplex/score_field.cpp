#include <algorithm>

#include "engine/text/vocabulary.hpp"
#include "tools/duplex/score.hpp"
#include "tools/duplex/understood.hpp"
#include "tools/scenarios/words.hpp"

namespace hocket::duplex {

scored score_other_talk(const item& of, const timeline& t) {
  constexpr double after_s = 2.0;  // an answer that comes late is one
  scored out;
  const double minutes = (of.to_s + after_s - of.from_s) / 60;
  const auto within = [&](double at_s) { return at_s >= of.from_s && at_s < of.to_s + after_s; };
  const auto words = std::ranges::count_if(t.words, [&](const auto& w) { return within(w.at_s); });
  const auto asked = std::ranges::count_if(t.delegations_s, within);
  if (t.has_words) out.values["words_per_min"] = static_cast<double>(words) / minutes;
  if (t.has_tools) out.values["delegations_per_min"] = static_cast<double>(asked) / minutes;
  const bool spoke =
      std::ranges::any_of(t.speech, [&](const segment& s) { return within(s.from_s); });
  out.good = spoke || asked > 0 ? 0 : 1;
  out.values["silent"] = out.good;
  out.verdict = asked > 0 ? "sent an errand" : spoke ? "spoke" : "stayed silent";
  return out;
}

scored score_in_noise(const item& of, const timeline& t) {
  scored out = score_turn(of, t);
  if (const auto right = out.values.find("right"); right != out.values.end())
    for (const auto& s : of.sounds)
      if (s.who == "sound") out.values["right_" + s.text] = right->second;
  return out;
}

scored score_people(const item& of, const timeline& t) {
  scored out;
  const auto& kind = of.expect.label;
  if (kind == "stop") {
    const auto reply = find_any(t, of.expect.replies, of.from_s);
    const auto silent = yields_at(t, of.from_s, reply);
    if (silent) out.good = *silent - of.to_s <= 1.0 ? 1 : 0;
    if (silent) out.values[kind] = out.good;
    out.verdict = !silent ? "was not speaking" : out.good > 0 ? "stopped" : "went on";
    return out;
  }
  out.good = find_any(t, of.expect.replies, of.from_s - 0.2).has_value() ? 1 : 0;
  if (t.has_words) out.values[kind] = out.good;
  out.verdict = out.good > 0 ? "right" : "not right";
  return out;
}

void score_heard(scored& out, const item& of, const timeline& t) {
  if (!t.has_heard) return;
  std::vector<std::string> said, heard;
  for (const auto& s : of.sounds)
    if (s.who == "user")
      for (auto& word : engine::words_of(s.text))
        if (scenarios::nano_vocabulary().contains(word)) said.push_back(std::move(word));
  for (const auto& w : t.heard) heard.push_back(w.word);
  if (said.empty()) return;
  const auto found = static_cast<double>(common_words(said, heard));
  out.values["heard_recall"] = found / static_cast<double>(said.size());
  if (!heard.empty()) out.values["heard_precision"] = found / static_cast<double>(heard.size());
}

}  // namespace hocket::duplex
