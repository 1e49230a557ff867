#include "tools/report/picture_layout.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace hocket::report::picture {
namespace {

constexpr double gap = 5;  // between two labels

struct span {
  double from_ms, to_ms;
};

/// Stretches of time that no row should be cut in.
std::vector<span> busy_of(const conversation& what) {
  std::vector<span> out;
  for (const auto& v : what.person_voice()) out.push_back({v.from_ms - 300, v.to_ms + 100});
  for (const auto& v : what.model_voice()) out.push_back({v.from_ms - 300, v.to_ms + 100});
  for (const auto& r : what.responses()) out.push_back({r.ended_ms, r.answered_ms});
  for (const auto& d : what.delegations)
    out.push_back({d.asked_ms - 100, d.answered_ms.value_or(d.asked_ms) + 800});
  for (const auto& w : what.words) out.push_back({w.t_ms - 100, w.t_ms + 400});
  return out;
}

/// The last moment in the last third of a full row when nothing goes on: at a full second if there
/// is one, else between two micro-turns.
double row_end(const std::vector<span>& busy, double from, double micro_turn_ms) {
  const double full = from + max_row_ms;
  for (const double step : {1000.0, micro_turn_ms})
    for (double t = std::floor(full / step) * step; t > from + max_row_ms * 2 / 3; t -= step)
      if (std::none_of(busy.begin(), busy.end(),
                       [&](const span& s) { return s.from_ms < t && t < s.to_ms; }))
        return t;
  return full;
}

void cut_into_rows(const conversation& what, layout& l) {
  const auto busy = busy_of(what);
  double last = 0;
  for (const auto& s : busy) last = std::max(last, s.to_ms);
  const double length = std::max(what.length_ms(), what.micro_turn_ms * 10);
  const double end = std::min(length, std::max(std::ceil((last + 1500) / 1000) * 1000, 4000.0));
  l.shown_to_ms = length - end > 2000 ? end : length;
  if (l.shown_to_ms > max_shown_ms)
    l.shown_from_ms = std::floor((l.shown_to_ms - max_shown_ms) / 1000) * 1000;
  double from = l.shown_from_ms;
  while (from < l.shown_to_ms) {
    const double to = std::min(row_end(busy, from, what.micro_turn_ms), l.shown_to_ms);
    row r;
    r.from_ms = from;
    r.to_ms = to;
    l.rows.push_back(std::move(r));
    from = to;
  }
  double widest = 6000;
  for (const auto& r : l.rows) widest = std::max(widest, r.to_ms - r.from_ms);
  l.px_per_ms = (width - left - right) / widest;
}

/// Words of one side in a row, those of one moment joined, on as few lines as their widths allow.
std::vector<placed_label> place_words(const conversation& what, bool person, const layout& l,
                                      const row& r, const canvas& c) {
  std::vector<placed_label> out;
  std::vector<word_record> sorted = what.words;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.t_ms < b.t_ms; });
  for (const auto& w : sorted) {
    const auto side = person ? speaker::person : speaker::model;
    if (w.text.empty() || speaker_of(w.role) != side || !r.holds(w.t_ms)) continue;
    if (!out.empty() && out.back().t_ms == w.t_ms) {
      out.back().text += " " + w.text;
    } else {
      auto& label = out.emplace_back();
      label.t_ms = w.t_ms;
      label.text = w.text;
    }
  }
  constexpr int max_levels = 4;
  double ends[max_levels] = {};
  for (auto& label : out) {
    label.width = c.text_width(label.text, word_font);
    const double at = std::min(l.x_of(r, label.t_ms), width - 4 - label.width);
    int level = 0;
    while (level + 1 < max_levels && ends[level] + gap > at) ++level;
    if (ends[level] + gap > at)  // all lines are taken: the one that is free first
      level = static_cast<int>(std::min_element(std::begin(ends), std::end(ends)) - ends);
    label.x = std::max(at, ends[level] + gap);
    label.level = level;
    ends[level] = label.x + label.width;
  }
  return out;
}

/// Delegations that a row shows, on lines so that bars and their texts do not overlap.
int place_delegations(const conversation& what, const layout& l, row& r, const canvas& c) {
  std::vector<double> ends;
  for (std::size_t i = 0; i < what.delegations.size(); ++i) {
    const auto& d = what.delegations[i];
    if (d.asked_ms >= r.to_ms || d.answered_ms.value_or(l.shown_to_ms) < r.from_ms) continue;
    const double from = l.x_of(r, std::max(d.asked_ms, r.from_ms));
    const double to = l.x_of(r, std::min(d.answered_ms.value_or(d.asked_ms), r.to_ms));
    std::size_t level = 0;
    while (level < ends.size() && ends[level] > from) ++level;
    if (level == ends.size()) ends.push_back(0);
    ends[level] = 8 + std::max(from + c.text_width(delegation_label(d), task_font),
                               to + 12 + c.text_width(answer_label(d), answer_font));
    r.delegations.emplace_back(i, static_cast<int>(level));
  }
  return static_cast<int>(ends.size());
}

int levels_of(const std::vector<placed_label>& labels) {
  int out = 0;
  for (const auto& label : labels) out = std::max(out, label.level + 1);
  return out;
}

}  // namespace

std::string delegation_label(const delegation_record& d) {
  std::string out = d.task.empty() ? fmt::format("request {}", d.request) : d.task;
  for (const auto& tool : d.tools) out += " · " + tool;
  return out;
}

std::string answer_label(const delegation_record& d) {
  if (!d.outcome.empty() && d.outcome != "ok") return d.outcome;
  return d.answer;
}

layout plan_picture(const conversation& what, const canvas& measure) {
  layout l;
  for (const auto& [k, t] : what.turns) l.has_compute |= t.compute_ms.has_value();
  cut_into_rows(what, l);
  double top = header;
  for (auto& r : l.rows) {
    r.top = top;
    r.person_words = place_words(what, true, l, r, measure);
    r.model_words = place_words(what, false, l, r, measure);
    r.person_levels = levels_of(r.person_words);
    const int model_levels = levels_of(r.model_words);
    const int delegation_levels = place_delegations(what, l, r, measure);
    double y = axis_height;
    r.person_text = y;
    y += std::max(r.person_levels, 1) * word_line + 4;
    r.person_axis = y + wave_height / 2;
    y += wave_height;
    r.latency = y;
    y += latency_height;
    r.model_axis = y + wave_height / 2;
    y += wave_height;
    r.model_text = y + 2;
    y += std::max(model_levels, 1) * word_line + 8;
    r.background = y + 4;
    y += delegation_levels > 0 ? delegation_levels * delegation_line + 10 : 0;
    r.compute = y + 2;
    if (l.has_compute) y += compute_height + 2;
    r.bottom = y;
    top += y + row_gap;
  }
  l.height = std::ceil(top / 2) * 2;
  return l;
}

}  // namespace hocket::report::picture
