#include "tools/hocket/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

namespace hocket::cli {

terminal this_terminal() {
  terminal t;
  const char* const kind = std::getenv("TERM");
  const bool moves = kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
  t.is_terminal = moves && isatty(STDOUT_FILENO) != 0;
  t.colors = t.is_terminal && std::getenv("NO_COLOR") == nullptr;
  return resized(t);
}

terminal resized(terminal t) {
  winsize size{};
  if (t.is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    t.columns = size.ws_col;
    t.rows = size.ws_row;
  }
  return t;
}

std::string paint(const terminal& t, std::string_view code, std::string_view s) {
  return t.colors && !s.empty() ? fmt::format("\033[{}m{}\033[0m", code, s) : std::string(s);
}

int display_width(std::string_view s) {
  int out = 0;
  bool escape = false;
  for (const char c : s) {
    if (c == '\033') escape = true;
    if (!escape && (static_cast<unsigned char>(c) & 0xC0) != 0x80) ++out;
    if (escape && c == 'm') escape = false;
  }
  return out;
}

std::string cut(std::string_view s, int columns) {
  if (display_width(s) <= columns) return std::string(s);
  if (columns <= 0) return "";
  std::string out;
  int taken = 0;
  bool escape = false, colored = false;
  for (const char c : s) {
    if (c == '\033') escape = colored = true;
    if (!escape && (static_cast<unsigned char>(c) & 0xC0) != 0x80 && ++taken > columns - 1) break;
    out += c;
    if (escape && c == 'm') escape = false;
  }
  return out + "…" + (colored ? "\033[0m" : "");
}

std::string fit(std::string_view s, int columns, bool right_aligned) {
  const int wide = display_width(s);
  if (wide <= columns) {
    const std::string pad(static_cast<std::size_t>(columns - wide), ' ');
    return right_aligned ? pad + std::string(s) : std::string(s) + pad;
  }
  return cut(s, columns);
}

std::string bar(double part, int columns) {
  static const char* const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto units = static_cast<int>(std::lround(std::clamp(part, 0.0, 1.0) * columns * 8));
  std::string out;
  for (int i = 0; i < units / 8; ++i) out += "█";
  out += eighths[units % 8];
  return fit(out, columns);
}

std::string bar_leftward(double part, int columns) {
  const auto units = static_cast<int>(std::lround(std::clamp(part, 0.0, 1.0) * columns * 2));
  std::string out = units % 2 != 0 ? "▐" : "";
  for (int i = 0; i < units / 2; ++i) out += "█";
  return fit(out, columns, true);
}

double loudness(double amplitude) {
  return amplitude <= 0 ? 0 : std::clamp((20 * std::log10(amplitude) + 54) / 48, 0.0, 1.0);
}

std::string decibels(double amplitude) {
  return amplitude < 0.001 ? "" : fmt::format("{:.0f} dB", 20 * std::log10(amplitude));
}

std::string short_count(double n) {
  if (n >= 1e9) return fmt::format("{:.1f} G", n / 1e9);
  if (n >= 1e7) return fmt::format("{:.1f} M", n / 1e6);
  if (n >= 1e5) return fmt::format("{:.0f} k", n / 1e3);
  return fmt::format("{:.0f}", n);
}

}  // namespace hocket::cli
