#include <algorithm>
#include <cmath>
#include <numeric>

#include "tools/duplex/score.hpp"

namespace hocket::duplex {
namespace {

// tau-voice's windows: a yield counts within 2.0 s; a yield to what is no reason to stop counts as
// an error within 1.0 s, an answer to it within 2.0 s.
constexpr double yield_s = 2.0, no_yield_s = 1.0, no_answer_s = 2.0;

double first_user_sound(const item& of) {
  for (const auto& s : of.sounds)
    if (s.who == "user") return s.from_s();
  return of.from_s;
}

double last_user_sound(const item& of) {
  double end = of.to_s;
  for (const auto& s : of.sounds)
    if (s.who == "user") end = std::max(end, s.to_s());
  return end;
}

bool speaks_at(const timeline& t, double at_s) {
  for (const auto& s : merged(t.speech, 0.5))
    if (s.from_s <= at_s && at_s < s.to_s) return true;
  return false;
}

std::optional<double> onset_after(const timeline& t, double from_s) {
  for (const auto& s : t.speech)
    if (s.from_s >= from_s) return s.from_s;
  return std::nullopt;
}

// The text stream against the sound: how much later a word sounds than its text says.
void compare_clocks(scored& out, const timeline& t, std::optional<double> word_s) {
  if (!word_s) return;
  const auto sound = sound_of(t, *word_s);
  out.values["sound_minus_text_s"] = sound ? *sound - *word_s : 9;
  out.values["clocks_disagree"] = !sound || std::abs(*sound - *word_s) > 0.5 ? 1 : 0;
}

void yield_values(scored& out, const item& of, const timeline& t, std::optional<double> yielded) {
  out.values["was_speaking"] = speaks_at(t, of.from_s) ? 1 : 0;
  if (!speaks_at(t, of.from_s)) return;
  out.values["stop_latency_s"] = *yielded - of.from_s;
  out.values["yielded"] = *yielded - of.from_s <= yield_s ? 1 : 0;
}

}  // namespace

std::optional<double> yields_at(const timeline& t, double from_s, std::optional<double> reply_s) {
  if (!speaks_at(t, from_s)) return std::nullopt;
  if (!reply_s) {
    for (const auto& s : merged(t.speech, 0.5))
      if (s.from_s <= from_s && from_s < s.to_s) return s.to_s;
    return std::nullopt;
  }
  const double reply = sound_of(t, *reply_s).value_or(*reply_s);
  double end = from_s;
  for (const auto& s : t.speech)
    if (s.from_s < reply - 0.05) end = std::max(end, std::min(s.to_s, reply));
  return end;
}

scored score_pause(const item& of, const timeline& t) {
  scored out;
  // Also what begins while the person ends the sentence: an answer to the pause that comes late.
  const bool took = takes_over(t, of.from_s, last_user_sound(of));
  out.values["take_over"] = took ? 1 : 0;
  if (t.has_words)
    out.values["answered"] = find_any(t, of.expect.replies, last_user_sound(of)) ? 1 : 0;
  out.good = took ? 0 : 1;
  out.verdict = took ? "took over in the pause" : "held the pause";
  return out;
}

scored score_turn(const item& of, const timeline& t) {
  scored out;
  const double begin = first_user_sound(of);
  const auto reply = find_any(t, of.expect.replies, begin);
  // An answer that is complete as wanted is a turn, however short. Without words, so is any sound
  // of 0.4 s.
  const take_over_rule rule = t.has_words ? take_over_rule{} : take_over_rule{0.4, 3};
  const bool took = reply || takes_over(t, begin, of.to_s, rule);
  out.values["take_over"] = took ? 1 : 0;
  if (t.has_words) out.values["right"] = reply ? 1 : 0;
  if (const auto onset = onset_after(t, begin); took && onset) {
    out.values["latency_s"] = std::max(0.0, *onset - of.from_s);
    out.values["latency_unclipped_s"] = *onset - of.from_s;
  }
  const auto word = std::ranges::find_if(t.words, [&](const auto& w) { return w.at_s >= begin; });
  if (took && word != t.words.end()) {
    out.values["text_latency_s"] = word->at_s - of.from_s;
    compare_clocks(out, t, word->at_s);
  }
  out.good = took && (reply || !t.has_words) ? 1 : took ? 0.5 : 0;
  out.verdict = !took                   ? "no answer"
                : reply || !t.has_words ? "answered"
                                        : "answered something else";
  return out;
}

scored score_interruption(const item& of, const timeline& t) {
  scored out;
  out.values["take_over"] = takes_over(t, of.to_s, of.length_s()) ? 1 : 0;
  const auto reply = t.has_words ? find_any(t, of.expect.replies, of.from_s) : std::nullopt;
  if (t.has_words) {
    const auto label = behaviour_of(t, of.from_s, of.to_s, of.expect.replies, of.expect.sequence);
    out.verdict = to_string(label);
    out.good = label == behaviour::respond ? 1 : 0;
    for (const auto b :
         {behaviour::respond, behaviour::resume, behaviour::uncertain, behaviour::unknown})
      out.values["label_" + std::string(to_string(b))] = label == b ? 1 : 0;
    out.values["respond"] = out.good;
    out.values["nonce"] = reply ? 1 : 0;
    compare_clocks(out, t, reply);
  }
  const auto onset = reply ? sound_of(t, *reply) : onset_after(t, of.to_s);
  if (onset && (reply || !t.has_words)) out.values["latency_s"] = std::max(0.0, *onset - of.to_s);
  yield_values(out, of, t, yields_at(t, of.from_s, reply));
  return out;
}

scored score_barge_in(const item& of, const timeline& t) {
  scored out;
  const auto reply = find_any(t, of.expect.replies, of.from_s);
  const auto silent = yields_at(t, of.from_s, reply);
  yield_values(out, of, t, silent);
  if (!silent) {
    out.verdict = "was not speaking";
    return out;
  }
  out.values["silence_s"] = std::max(0.0, *silent - of.to_s);
  out.values["silence_from_start_s"] = *silent - of.from_s;
  out.good = *silent - of.to_s <= yield_s ? 1 : 0;
  out.verdict = out.good > 0 ? "stopped" : "went on";
  return out;
}

scored score_resume(const item& of, const timeline& t) {
  scored out;
  if (t.has_words) {
    const auto label = behaviour_of(t, of.from_s, of.to_s, of.expect.replies, of.expect.sequence);
    out.verdict = to_string(label);
    out.good = label == behaviour::resume ? 1 : 0;
    for (const auto b :
         {behaviour::respond, behaviour::resume, behaviour::uncertain, behaviour::unknown})
      out.values["label_" + std::string(to_string(b))] = label == b ? 1 : 0;
    out.values["resume"] = out.good;
  }
  const auto yielded = yields_at(t, of.from_s, std::nullopt);
  out.values["was_speaking"] = yielded ? 1 : 0;
  if (yielded) {
    out.values["selective"] = *yielded - of.from_s > no_yield_s ? 1 : 0;
    if (!t.has_words) out.good = out.values["selective"];
  }
  return out;
}

scored score_bystander(const item& of, const timeline& t) {
  scored out;
  const bool spoke = std::ranges::any_of(t.speech, [&](const segment& s) {
    return s.from_s >= of.from_s && s.from_s < of.to_s + no_answer_s && s.length_s() >= 0.15;
  });
  out.values["selective"] = out.good = spoke ? 0 : 1;
  out.verdict = spoke ? "answered" : "stayed silent";
  return out;
}

scored score_vocal_tic(const item& of, const timeline& t) {
  return of.expect.label == "SILENCE" ? score_bystander(of, t) : score_resume(of, t);
}

scored score_session(const item& of, const timeline& t) {
  scored out;
  std::vector<double> goods;
  for (const auto& [at_s, part] : of.parts)
    goods.push_back(score(part, cropped(t, at_s, at_s + part.length_s())).good);
  // The first and the last tenth, but at least 24 parts where there are as many.
  const auto n = std::min(goods.size(), std::max<std::size_t>(24, goods.size() / 10));
  const auto mean = [](auto from, auto to) {
    return from == to ? 0.0 : std::accumulate(from, to, 0.0) / static_cast<double>(to - from);
  };
  const auto edge = static_cast<std::ptrdiff_t>(n);
  out.values["points"] = out.good = mean(goods.begin(), goods.end());
  out.good = out.values["points"];
  out.values["points_start"] = 100 * mean(goods.begin(), goods.begin() + edge);
  out.values["points_end"] = 100 * mean(goods.end() - edge, goods.end());
  out.values["points_lost"] = out.values["points_start"] - out.values["points_end"];
  if (const auto& wall = t.minute_wall_s; wall.size() >= 5) {
    // The first minute holds warming up; then the first against the last fifth.
    const auto fifth = static_cast<std::ptrdiff_t>(std::max<std::size_t>(1, wall.size() / 5));
    out.values["tail_over_head"] =
        mean(wall.end() - fifth, wall.end()) / mean(wall.begin() + 1, wall.begin() + 1 + fifth);
    const auto& rss = t.minute_rss_mib;
    double mx = 0, my = 0, xy = 0, xx = 0;
    const auto count = static_cast<double>(rss.size() - 1);
    for (std::size_t i = 1; i < rss.size(); ++i) mx += double(i) / count, my += rss[i] / count;
    for (std::size_t i = 1; i < rss.size(); ++i)
      xy += (double(i) - mx) * (rss[i] - my), xx += (double(i) - mx) * (double(i) - mx);
    out.values["rss_mib_per_h"] = xx > 0 ? 60 * xy / xx : 0;
  }
  out.verdict = "session";
  return out;
}

}  // namespace hocket::duplex
