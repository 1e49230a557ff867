#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace hocket::host {

/// What is due when: one ordered list that a thread follows in real time and the virtual loop
/// takes from in virtual time. Ties go by rank, then by order of entry.
///
/// Threads: any.
class timers {
 public:
  using task = std::function<void()>;
  struct due {
    std::int64_t when_ns = 0;
    int rank = 0;
    task run;
    bool passive = false;
  };

  /// `passive` timers (ticks, deadlines) do not keep a virtual run alive.
  void add(std::int64_t when_ns, int rank, task run, bool passive = false);
  /// Takes the next one, whenever it is due.
  std::optional<due> take_next();
  /// When and at which rank the next one is due.
  std::optional<std::pair<std::int64_t, int>> next() const;
  bool has_active() const;

  /// Follows monotonic time until stop().
  void follow();
  void stop();

 private:
  struct key {
    std::int64_t when_ns;
    int rank;
    std::uint64_t number;
    auto operator<=>(const key&) const = default;
  };
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<key, due> list_;
  std::uint64_t numbers_ = 0;
  std::size_t active_ = 0;
  bool stopped_ = false;
};

}  // namespace hocket::host
