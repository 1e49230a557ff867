#include "tools/hocket/language/line_input.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace hocket::cli {
namespace {
constexpr std::size_t longest_line = 1u << 20;
}

line_input::line_input(bool ask_terminal) : terminal_(ask_terminal && isatty(STDIN_FILENO) != 0) {}

std::optional<std::string> line_input::next(const std::function<bool()>& give_up) {
  while (true) {
    auto end = held_.find('\n');
    if (end == std::string::npos && held_.size() > longest_line) end = longest_line;
    if (end != std::string::npos || (ended_ && !held_.empty())) {
      auto line = held_.substr(0, end);
      held_.erase(0, end == std::string::npos ? end : end + (held_[end] == '\n' ? 1 : 0));
      return line;
    }
    if (ended_ || give_up()) return {};
    pollfd in{STDIN_FILENO, POLLIN, 0};
    const int ready = poll(&in, 1, 200);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    char block[4096];
    const auto n = read(STDIN_FILENO, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      ended_ = true;
    else
      held_.append(block, static_cast<std::size_t>(n));
  }
}

}  // namespace hocket::cli
