#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "tools/hocket/canvas.hpp"
#include "tools/hocket/conversation.hpp"

/// Where everything of a conversation's picture lies; no drawing here.
namespace hocket::cli::picture {

inline constexpr double width = 1500, left = 96, right = 28, header = 74, row_gap = 30;
inline constexpr double max_row_ms = 16000;
inline constexpr double max_shown_ms = 600'000;  // of a longer conversation the end
inline constexpr double axis_height = 20, wave_height = 54, latency_height = 24, word_line = 14,
                        delegation_line = 36, compute_height = 34;
inline constexpr font word_font{11.5, false, false}, task_font{10.5, false, true},
    answer_font{11.5, true, false};

/// A label at a time, put on one of several lines so that labels do not overlap.
struct placed_label {
  double t_ms, x;
  int level;
  std::string text;
};

/// Where everything of a row lies; the same for all rows, so that the eye can compare them.
struct layout {
  double origin_ms = 0;  ///< where the first row begins
  double row_ms = 0;
  int rows = 1;
  int person_levels = 0, model_levels = 0, delegation_levels = 0;
  bool has_compute = false;
  double person_words = 0, person_axis = 0, latency = 0, model_axis = 0, model_words = 0,
         background = 0, compute = 0, bottom = 0;  ///< y from the row's top

  double x_of(double t_in_row) const { return left + t_in_row / row_ms * (width - left - right); }
  double row_height() const { return bottom + row_gap; }
  double height() const { return std::ceil((header + rows * row_height()) / 2) * 2; }
};

layout plan_picture(const conversation& what, const canvas& measure);

/// Words of one side, those of one moment joined, spread over as few lines as their widths allow.
std::vector<placed_label> place_words(const conversation& what, bool person, const layout& l,
                                      const canvas& c);

/// Line of each delegation, so that bars and their texts do not overlap.
std::vector<int> place_delegations(const conversation& what, const layout& l, const canvas& c,
                                   int& levels);
std::string delegation_label(const delegation_record& d);
std::string answer_label(const delegation_record& d);

}  // namespace hocket::cli::picture
