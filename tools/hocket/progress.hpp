// Progress of long work on standard error: a bar on a terminal, now and then a line elsewhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace hocket::cli {

/// Shown from the first moment on, so that nobody wonders whether anything happens. Threads: one at
/// a time.
class progress {
 public:
  /// `quiet`: says nothing (--json). `all`: steps there will be; 0: not known.
  progress(bool quiet, std::size_t all, const std::string& what);
  ~progress() { finish(); }
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// `done` steps are done, `what` is under way.
  void at(std::size_t done, const std::string& what);
  /// One step more.
  void next(const std::string& what) { at(done_ + 1, what); }
  /// A line that stays, above the bar.
  void say(const std::string& line);
  /// Takes the bar away; nothing is shown after it.
  void finish();
  void set_all(std::size_t all) { all_ = all; }

  /// What stands there for a window of so many columns.
  static std::string line(std::size_t done, std::size_t all, const std::string& what, int columns);

 private:
  void show(const std::string& what);

  bool quiet_, terminal_;
  std::size_t all_, done_ = 0;
  std::chrono::steady_clock::time_point told_{};
};

}  // namespace hocket::cli
