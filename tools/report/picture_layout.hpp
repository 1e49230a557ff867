#pragma once

#include <string>
#include <vector>

#include "tools/report/canvas.hpp"
#include "tools/report/conversation.hpp"

/// Where everything of a conversation's picture lies; no drawing here.
namespace hocket::report::picture {

inline constexpr double width = 1500, left = 108, right = 28, header = 74, row_gap = 26;
inline constexpr double max_row_ms = 16000;
inline constexpr double max_shown_ms = 600'000;  // of a longer conversation the end
inline constexpr double axis_height = 20, wave_height = 54, latency_height = 24, word_line = 14,
                        delegation_line = 36, compute_height = 34;
inline constexpr font word_font{11.5, false, false}, task_font{10.5, false, true},
    answer_font{11.5, true, false};

/// A label at a time, put on one of several lines so that labels do not overlap.
struct placed_label {
  double t_ms = 0, x = 0, width = 0;
  int level = 0;
  std::string text;
};

/// One line of the wrapped time axis. Rows share their scale; a row is as tall as it needs.
struct row {
  double from_ms = 0, to_ms = 0;
  double top = 0;
  std::vector<placed_label> person_words, model_words;
  std::vector<std::pair<std::size_t, int>> delegations;  ///< which, and its line
  // y from the row's top
  double person_text = 0, person_axis = 0, latency = 0, model_axis = 0, model_text = 0,
         background = 0, compute = 0, bottom = 0;
  int person_levels = 0;

  bool holds(double t_ms) const { return t_ms >= from_ms && t_ms < to_ms; }
};

struct layout {
  std::vector<row> rows;
  double px_per_ms = 0;
  double shown_from_ms = 0, shown_to_ms = 0;  ///< what is left out: an early part, a silent end
  bool has_compute = false;
  double height = 0;

  double x_of(const row& r, double t_ms) const { return left + (t_ms - r.from_ms) * px_per_ms; }
};

/// Rows end where nobody speaks, if there is such a moment in their last third.
layout plan_picture(const conversation& what, const canvas& measure);

std::string delegation_label(const delegation_record& d);
std::string answer_label(const delegation_record& d);

}  // namespace hocket::report::picture
