#include "tools/hocket/picture_layout.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace hocket::cli::picture {

std::vector<placed_label> place_words(const conversation& what, bool person, const layout& l,
                                      const canvas& c) {
  std::vector<std::pair<double, std::string>> joined;
  std::vector<word_record> sorted = what.words;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.t_ms < b.t_ms; });
  for (const auto& w : sorted) {
    const bool is_person = w.role == "user" || w.role == "heard";
    if (w.text.empty() || w.role == "background" || is_person != person) continue;
    if (!joined.empty() && joined.back().first == w.t_ms) {
      joined.back().second += " " + w.text;
    } else {
      joined.emplace_back(w.t_ms, w.text);
    }
  }
  constexpr int max_levels = 4;
  std::vector<placed_label> out;
  double ends[max_levels] = {};
  int row_before = -1;
  for (const auto& [t, text] : joined) {
    if (t < l.origin_ms) continue;
    const int row = static_cast<int>((t - l.origin_ms) / l.row_ms);
    if (row != row_before) std::fill(std::begin(ends), std::end(ends), 0.0);
    row_before = row;
    const double wide = c.text_width(text, word_font);
    const double at = std::min(l.x_of(t - l.origin_ms - row * l.row_ms), width - 4 - wide);
    int level = 0;
    while (level + 1 < max_levels && ends[level] + 5 > at) ++level;
    if (ends[level] + 5 > at)  // all lines are taken: the one that is free first
      level = static_cast<int>(std::min_element(std::begin(ends), std::end(ends)) - ends);
    const double x = std::max(at, ends[level] + 5 <= at ? at : ends[level] + 5);
    ends[level] = x + wide;
    out.push_back({t, x, level, text});
  }
  return out;
}

std::string delegation_label(const delegation_record& d) {
  std::string out = d.task.empty() ? fmt::format("request {}", d.request) : d.task;
  for (const auto& tool : d.tools) out += " · " + tool;
  return out;
}

std::string answer_label(const delegation_record& d) {
  if (!d.outcome.empty() && d.outcome != "ok") return d.outcome;
  return d.answer;
}

std::vector<int> place_delegations(const conversation& what, const layout& l, const canvas& c,
                                   int& levels) {
  std::vector<int> out;
  std::vector<double> ends;
  const double per_px = l.row_ms / (width - left - right);
  for (const auto& d : what.delegations) {
    const double task_end = d.asked_ms + c.text_width(delegation_label(d), task_font) * per_px;
    const double answer_end = d.answered_ms.value_or(d.asked_ms) +
                              (12 + c.text_width(answer_label(d), answer_font)) * per_px;
    std::size_t level = 0;
    while (level < ends.size() && ends[level] > d.asked_ms) ++level;
    if (level == ends.size()) ends.push_back(0);
    ends[level] = std::max(task_end, answer_end) + 8 * per_px;
    out.push_back(static_cast<int>(level));
  }
  levels = static_cast<int>(ends.size());
  return out;
}

layout plan_picture(const conversation& what, const canvas& measure) {
  layout l;
  if (what.length_ms() > max_shown_ms)
    l.origin_ms = std::floor((what.length_ms() - max_shown_ms) / 1000) * 1000;
  const double length = std::max(what.length_ms() - l.origin_ms, what.micro_turn_ms * 10);
  l.rows = std::max(1, static_cast<int>(std::ceil(length / max_row_ms)));
  l.row_ms = std::max(6000.0, std::ceil(length / l.rows / 1000) * 1000);
  for (const bool person : {true, false})
    for (const auto& w : place_words(what, person, l, measure)) {
      auto& levels = person ? l.person_levels : l.model_levels;
      levels = std::max(levels, w.level + 1);
    }
  place_delegations(what, l, measure, l.delegation_levels);
  for (const auto& [k, t] : what.turns) l.has_compute |= t.compute_ms.has_value();

  double y = axis_height;
  l.person_words = y;
  y += l.person_levels * word_line + (l.person_levels > 0 ? 4 : 0);
  l.person_axis = y + wave_height / 2;
  y += wave_height;
  l.latency = y;
  y += latency_height;
  l.model_axis = y + wave_height / 2;
  y += wave_height;
  l.model_words = y + 2;
  y += l.model_levels * word_line + (l.model_levels > 0 ? 8 : 0);
  l.background = y + 4;
  y += l.delegation_levels * delegation_line + (l.delegation_levels > 0 ? 10 : 0);
  l.compute = y + 6;
  if (l.has_compute) y += compute_height + 6;
  l.bottom = y;
  return l;
}

}  // namespace hocket::cli::picture
