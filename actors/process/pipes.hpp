#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "actors/process/frame.hpp"

namespace hocket::process {

/// How reading or writing ended.
enum class pipe_end : std::uint8_t { fine, closed, timed_out, malformed };

/// Reads frames from a descriptor. Threads: one.
class frame_reader {
 public:
  explicit frame_reader(int fd) : fd_(fd) {}
  /// The next frame; its views hold until the next call. `until_ns`: of the monotonic clock; -1: no
  /// limit. It may move while we wait: `still(until)` is asked when it has passed.
  template <class Limit>
  pipe_end next(frame& into, Limit until) {
    for (;;) {
      if (const auto end = parsed(into); end != pipe_end::timed_out) return end;
      const auto end = fill(until());
      if (end == pipe_end::timed_out && !is_over(until())) continue;
      if (end != pipe_end::fine) return end;
    }
  }
  pipe_end next(frame& into) {
    return next(into, [] { return std::int64_t{-1}; });
  }
  /// What the sender broke, after `malformed`.
  const std::string& why() const { return why_; }

 private:
  /// `timed_out`: not whole yet.
  pipe_end parsed(frame& into);
  pipe_end fill(std::int64_t until_ns);
  static bool is_over(std::int64_t until_ns);

  int fd_;
  std::vector<std::byte> bytes_ = std::vector<std::byte>(65536);
  std::size_t begin_ = 0, end_ = 0;
  std::string why_;
};

/// Writes all; waits where the pipe is full. The caller sees to SIGPIPE.
template <class Limit>
pipe_end write_all(int fd, std::string_view bytes, Limit until);
pipe_end write_until(int fd, std::string_view& rest, std::int64_t until_ns);

template <class Limit>
pipe_end write_all(int fd, std::string_view bytes, Limit until) {
  while (!bytes.empty()) {
    const auto limit = until();
    const auto end = write_until(fd, bytes, limit);
    if (end == pipe_end::closed || (end == pipe_end::timed_out && limit == until())) return end;
  }
  return pipe_end::fine;
}

}  // namespace hocket::process
