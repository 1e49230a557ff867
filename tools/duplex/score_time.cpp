#include <algorithm>
#include <cmath>

#include "tools/duplex/score.hpp"

namespace hocket::duplex {
namespace {

struct matches {
  double hits = 0, false_alarms = 0;
  std::vector<double> late_s;  ///< of the hits
  double value(std::size_t due) const {
    const double all = static_cast<double>(due) + false_alarms;
    return all > 0 ? hits / all : 1;
  }
};

// Every due word takes the first unused word in its window; what is left over is a false alarm.
// `accept` may refuse a word that came in time.
template <class Accept>
matches match_due(const std::vector<due_word>& due, const timeline& t, double from_s, double to_s,
                  Accept accept) {
  matches out;
  std::vector<bool> used(t.words.size(), false);
  const auto fits = [&](const due_word& d, std::size_t i) {
    const auto& w = t.words[i];
    return !used[i] && w.at_s >= d.from_s && w.at_s <= d.to_s &&
           std::ranges::count(d.words, w.word) > 0;
  };
  for (const auto& d : due)
    for (std::size_t i = 0; i < t.words.size(); ++i)
      if (fits(d, i)) {
        used[i] = true;
        if (accept(t.words[i])) ++out.hits, out.late_s.push_back(t.words[i].at_s - d.at_s);
        break;
      }
  for (std::size_t i = 0; i < t.words.size(); ++i) {
    const bool wanted_word = std::ranges::any_of(
        due, [&](const due_word& d) { return std::ranges::count(d.words, t.words[i].word) > 0; });
    if (!used[i] && wanted_word && t.words[i].at_s >= from_s && t.words[i].at_s < to_s)
      ++out.false_alarms;
  }
  return out;
}

bool always(const said_word&) { return true; }

double mean(const std::vector<double>& all) {
  double sum = 0;
  for (const double v : all) sum += v;
  return all.empty() ? 0 : sum / static_cast<double>(all.size());
}

}  // namespace

scored score_time_speak(const item& of, const timeline& t) {
  scored out;
  if (!t.has_words) return out;
  const bool asked = of.context_text == "start the clock";
  const auto found = match_due(of.expect.due, t, of.from_s, of.to_s, always);
  // A second number in the answer to "how long" is no false alarm, but the first must be right.
  out.good = found.value(of.expect.due.size());
  out.values[asked ? "how_long" : "every"] = out.good;
  if (!found.late_s.empty()) out.values["late_s"] = mean(found.late_s);
  out.verdict = out.good == 1 ? "on time" : out.good > 0 ? "some on time" : "not on time";
  return out;
}

scored score_time_once(const item& of, const timeline& t) {
  scored out;
  if (!t.has_words) return out;
  const auto found = match_due(of.expect.due, t, of.from_s, of.to_s, always);
  out.good = found.value(of.expect.due.size());
  out.values["once"] = out.good;
  out.values["on_time"] = found.hits;
  if (!found.late_s.empty()) out.values["late_s"] = mean(found.late_s);
  out.verdict = found.hits == 0 ? "not on time" : out.good == 1 ? "on time" : "again and again";
  return out;
}

scored score_visual_cue(const item& of, const timeline& t) {
  scored out;
  if (!t.has_words) return out;
  out.good = match_due(of.expect.due, t, of.from_s, of.to_s, always).value(of.expect.due.size());
  out.values["accuracy"] = out.good;
  out.verdict = out.good == 1 ? "every cue" : out.good > 0 ? "some cues" : "no cue";
  return out;
}

scored score_cue_speak(const item& of, const timeline& t) {
  scored out;
  if (!t.has_words) return out;
  std::size_t over = 0, in_time = 0;
  const auto found = match_due(of.expect.due, t, of.from_s, of.to_s, [&](const said_word& w) {
    const double from = sound_of(t, w.at_s).value_or(w.at_s);
    ++in_time;
    const bool overlaps = std::ranges::any_of(
        of.sounds, [&](const sounding& s) { return s.from_s() < from + 0.4 && s.to_s() > from; });
    over += overlaps ? 1 : 0;
    return overlaps;
  });
  out.good = found.value(of.expect.due.size());
  out.values["accuracy"] = out.good;
  out.values["false_alarms"] = found.false_alarms;
  if (in_time > 0) out.values["over_speech"] = double(over) / double(in_time);
  out.verdict = out.good == 1 ? "every cue" : out.good > 0 ? "some cues" : "no cue";
  return out;
}

double backchannel_distance(const std::vector<segment>& speech,
                            const std::vector<double>& clause_ends_s, double from_s, double to_s) {
  constexpr double window_s = 0.2, floor = 1e-10;
  const auto windows = static_cast<std::size_t>(std::ceil((to_s - from_s) / window_s));
  std::vector<double> did(windows, floor), wanted(windows, floor);
  const auto index = [&](double at_s) {
    return static_cast<std::ptrdiff_t>(std::floor((at_s - from_s) / window_s + 1e-9));
  };
  bool any = false;
  for (const auto& s : speech) {
    const auto i = index(s.from_s);
    if (i < 0 || i >= static_cast<std::ptrdiff_t>(windows)) continue;
    did[static_cast<std::size_t>(i)] += 1;
    any = true;
  }
  if (!any) return 1;
  for (const double end : clause_ends_s)
    for (double at = end + 0.2; at < end + 0.6 - 1e-9; at += 0.02) {
      const auto i = index(at);
      if (i >= 0 && i < static_cast<std::ptrdiff_t>(windows))
        wanted[static_cast<std::size_t>(i)] += 1;
    }
  const auto normalise = [](std::vector<double>& p) {
    double sum = 0;
    for (const double v : p) sum += v;
    for (double& v : p) v /= sum;
  };
  normalise(did);
  normalise(wanted);
  double divergence = 0;
  for (std::size_t i = 0; i < windows; ++i) {
    const double m = (did[i] + wanted[i]) / 2;
    divergence += 0.5 * did[i] * std::log(did[i] / m) + 0.5 * wanted[i] * std::log(wanted[i] / m);
  }
  return std::sqrt(std::max(0.0, divergence));
}

scored score_story(const item& of, const timeline& t) {
  scored out;
  std::vector<segment> inside;
  bool took_over = false;
  for (const auto& s : merged(t.speech, 0.3)) {
    if (s.from_s < of.from_s || s.from_s >= of.to_s) continue;
    inside.push_back(s);
    const auto words = std::ranges::count_if(t.words, [&](const said_word& w) {
      return w.at_s >= s.from_s - 0.3 && w.at_s < s.to_s - 0.05;
    });
    // Full-Duplex-Bench's rule for a backchannel: under 1 s and at most two words.
    took_over = took_over || s.length_s() > 3 || words > 3 || !(s.length_s() < 1 && words <= 2);
  }
  double on_time = 0;
  for (const double end : of.expect.clause_ends_s)
    on_time += std::ranges::any_of(inside, [&](const segment& s) {
      return s.from_s >= end + 0.1 && s.from_s <= end + 0.9 && s.length_s() < 1;
    });
  out.values["take_over"] = took_over ? 1 : 0;
  out.values["per_s"] = static_cast<double>(inside.size()) / (of.to_s - of.from_s);
  out.values["distance"] =
      backchannel_distance(inside, of.expect.clause_ends_s, of.from_s, of.to_s);
  out.values["on_time"] = on_time / static_cast<double>(of.expect.clause_ends_s.size());
  out.good = took_over ? 0 : out.values["on_time"];
  out.verdict = took_over ? "took over" : inside.empty() ? "silent listener" : "listened";
  return out;
}

scored score_rep_count(const item& of, const timeline& t) {
  scored out;
  if (!t.has_words) return out;
  static const std::vector<std::string> numbers{
      "zero",     "one",     "two",     "three",     "four",     "five",     "six",
      "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
      "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};
  std::ptrdiff_t last = -1;
  for (const auto& w : t.words) {
    const auto at = std::ranges::find(numbers, w.word);
    if (at != numbers.end() && w.at_s >= of.expect.penultimate_s) last = at - numbers.begin();
  }
  const bool near = last >= 0 && std::abs(last - static_cast<std::ptrdiff_t>(of.expect.count)) <= 1;
  out.values["within_one"] = out.good = near ? 1 : 0;
  out.values["exact"] = last == static_cast<std::ptrdiff_t>(of.expect.count) ? 1 : 0;
  out.verdict = last < 0
                    ? "did not count"
                    : "counted " + std::to_string(last) + " of " + std::to_string(of.expect.count);
  return out;
}

scored score_proactive(const item& of, const timeline& t) {
  // Area under a step: half of the weight is for being right at all in the span, half for the part
  // of the span that is left when it is said. Silence is worth a quarter, a wrong answer nothing.
  constexpr double early_weight = 0.5, silence = 0.25;
  scored out;
  if (!t.has_words) return out;
  double sum = 0;
  for (const auto& d : of.expect.due) {
    std::optional<double> right, wrong;
    for (const auto& w : t.words) {
      if (w.at_s < d.from_s || w.at_s > d.to_s) continue;
      auto& slot = std::ranges::count(d.words, w.word)           ? right
                   : std::ranges::count(of.expect.wrong, w.word) ? wrong
                                                                 : right;
      const bool counts =
          std::ranges::count(d.words, w.word) || std::ranges::count(of.expect.wrong, w.word);
      if (counts && !slot) slot = w.at_s;
    }
    if (wrong && (!right || *wrong < *right)) continue;
    // The first second after it is to be seen costs nothing: nobody answers at once.
    const double late = right ? std::max(0.0, *right - d.at_s - 1) : 0;
    const double span = std::max(0.1, d.to_s - d.at_s - 1);
    sum += right ? (1 - early_weight) + early_weight * (1 - std::min(1.0, late / span)) : silence;
  }
  out.good = of.expect.due.empty() ? 0 : sum / static_cast<double>(of.expect.due.size());
  out.values["area"] = out.good;
  out.verdict = out.good > 0.8       ? "answered when it was to be seen"
                : out.good > silence ? "answered in part"
                                     : "silent or wrong";
  return out;
}

scored score_motion(const item& of, const timeline& t) {
  scored out;
  if (!t.has_words) return out;
  // Spoken start and stop against the motion: intersection over union, 0 where either is missing.
  double sum = 0;
  std::size_t n = 0;
  for (std::size_t i = 0; i + 1 < of.expect.due.size(); i += 2, ++n) {
    const auto& from = of.expect.due[i];
    const auto& to = of.expect.due[i + 1];
    const auto said = [&](const due_word& d, double after) -> std::optional<double> {
      for (const auto& w : t.words)
        if (w.at_s >= std::max(after, d.from_s) && w.at_s <= d.to_s &&
            std::ranges::count(d.words, w.word) > 0)
          return w.at_s;
      return std::nullopt;
    };
    const auto start = said(from, 0);
    const auto stop = start ? said(to, *start) : std::nullopt;
    if (!stop) continue;
    const double both = std::min(*stop, to.at_s) - std::max(*start, from.at_s);
    const double either = std::max(*stop, to.at_s) - std::min(*start, from.at_s);
    sum += std::max(0.0, both / either);
  }
  out.values["iou"] = out.good = n ? sum / static_cast<double>(n) : 0;
  out.verdict = out.good >= 0.6 ? "start and stop" : out.good > 0 ? "roughly" : "missed";
  return out;
}

}  // namespace hocket::duplex
