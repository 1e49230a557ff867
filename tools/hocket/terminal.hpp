#pragma once

#include <string>
#include <string_view>

namespace hocket::cli {

/// What the standard output is.
struct terminal {
  bool is_terminal = false;  ///< that can move its cursor: with TERM=dumb it is none
  bool colors = false;       ///< a terminal, and NO_COLOR is not set
  int columns = 100;
  int rows = 30;
};
terminal this_terminal();
/// The same with the size that the window has now.
terminal resized(terminal t);

/// `s` between an ANSI colour code ("1;34") and its end; `s` alone where colours are off.
std::string paint(const terminal& t, std::string_view code, std::string_view s);

/// Columns that UTF-8 text takes (one per code point, ANSI codes not counted).
int display_width(std::string_view s);
/// Cut to `columns` with "…" at the end; colours stay whole and end.
std::string cut(std::string_view s, int columns);
/// Cut to `columns` with "…" at the end, or padded with spaces.
std::string fit(std::string_view s, int columns, bool right_aligned = false);

/// A bar of `columns` columns for 0..1, in eighths of a column, growing to the right.
std::string bar(double part, int columns);
/// The same growing to the left, in halves of a column.
std::string bar_leftward(double part, int columns);

/// Amplitude as a part of 0..1 on a scale from -54 dBFS to -6 dBFS.
double loudness(double amplitude);
/// "-23 dB", or "" below -60 dBFS.
std::string decibels(double amplitude);

/// 12345678 -> "12.3 M"; small numbers as they are.
std::string short_count(double n);

}  // namespace hocket::cli
