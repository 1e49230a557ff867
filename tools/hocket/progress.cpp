#include "tools/hocket/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

#include "tools/hocket/terminal.hpp"

namespace hocket::cli {
namespace {

/// Between two lines where there is no terminal.
constexpr std::chrono::seconds every{15};

int error_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

bool moves_cursor() {
  const char* const kind = std::getenv("TERM");
  return kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb" &&
         isatty(STDERR_FILENO) != 0;
}

}  // namespace

progress::progress(bool quiet, std::size_t all, const std::string& what)
    : quiet_(quiet), terminal_(!quiet && moves_cursor()), all_(all) {
  show(what);
}

void progress::finish() {
  if (terminal_) std::fputs("\r\033[K", stderr);
  if (terminal_) std::fflush(stderr);
  quiet_ = true;
  terminal_ = false;
}

void progress::at(std::size_t done, const std::string& what) {
  done_ = done;
  if (quiet_) return;
  if (terminal_ || std::chrono::steady_clock::now() - told_ >= every) show(what);
}

void progress::say(const std::string& line) {
  if (quiet_) return;
  fmt::print(stderr, "{}{}\n", terminal_ ? "\r\033[K" : "", line);
  std::fflush(stderr);
}

void progress::show(const std::string& what) {
  if (quiet_) return;
  told_ = std::chrono::steady_clock::now();
  if (terminal_)
    fmt::print(stderr, "\r{}\033[K", line(done_, all_, what, error_columns() - 1));
  else
    fmt::print(stderr, "{}{}\n", all_ > 0 ? fmt::format("{} of {}: ", done_, all_) : "", what);
  std::fflush(stderr);
}

std::string progress::line(std::size_t done, std::size_t all, const std::string& what,
                           int columns) {
  if (all == 0) return cut(what, columns);
  const double part = static_cast<double>(std::min(done, all)) / static_cast<double>(all);
  const auto count = fmt::format(" {} of {}  ", done, all);
  const int wide = std::clamp(columns - display_width(count) - 20, 0, 30);
  return cut((wide >= 5 ? "[" + bar(part, wide) + "]" : "") + count + what, columns);
}

}  // namespace hocket::cli
