// Lines of standard input that come while signals are watched.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace hocket::cli {

/// Lines of at most 1 MiB; a longer one is cut. Well-formed or not: whoever reads them judges.
class line_input {
 public:
  explicit line_input(bool ask_terminal);
  bool is_terminal() const { return terminal_; }
  /// The next line without its end; none at the end of the input, or once `give_up` says so (asked
  /// five times a second).
  std::optional<std::string> next(const std::function<bool()>& give_up);

 private:
  bool terminal_;
  bool ended_ = false;
  std::string held_;
};

}  // namespace hocket::cli
