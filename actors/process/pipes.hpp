#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "actors/process/frame.hpp"
#include "actors/wire/look_or_sleep.hpp"
#include "actors/wire/spin_budget.hpp"

namespace hocket::process {

/// How reading or writing ended.
enum class pipe_end : std::uint8_t { fine, closed, timed_out, malformed };

/// Whether who called looks for the answer before it sleeps, and how long. To wake it costs the child,
/// and it, tens of microseconds. It looks where answers come within `most_ns`, no longer than that in
/// one call, and not where another program needs the core (`actors/wire/docs/shared-memory.md`).
/// Threads: one.
class answer_wait {
 public:
  void call_sent();
  /// Until the descriptor can be read, `until_ns` (-1: no limit) is over, or looking does not pay.
  void look(int fd, std::int64_t until_ns) const;
  /// Something can be read.
  void came();

 private:
  /// What two wake-ups and a short handler in Python take.
  static constexpr std::int64_t most_ns = 200'000;

  std::int64_t sent_ns_ = 0;  ///< 0: no call was sent
  bool is_first_ = false;     ///< nothing came yet
  wire::spin_budget budget_{most_ns};
  wire::look_or_sleep choice_{most_ns};
};

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
  /// What comes next answers a call, and may be looked for.
  void call_sent() { answers_.call_sent(); }
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
  answer_wait answers_;
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
