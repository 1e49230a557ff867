#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace hocket {

using duration = std::chrono::nanoseconds;

/// A point on a session's stream time: nanoseconds since the start of the graph's clock.
///
/// Audio time comes from the sample index (`timestamp::of_samples`), never from summing durations.
class timestamp {
 public:
  constexpr timestamp() = default;
  constexpr explicit timestamp(std::int64_t ns) : ns_(ns) {}

  static constexpr timestamp of_samples(std::int64_t index, std::int64_t rate_hz) {
    // Split so that 60 h at 192 kHz still fits 64 bits.
    return timestamp((index / rate_hz) * 1'000'000'000 +
                     (index % rate_hz) * 1'000'000'000 / rate_hz);
  }
  static constexpr timestamp of_ms(std::int64_t ms) { return timestamp(ms * 1'000'000); }
  static constexpr timestamp min() { return timestamp(INT64_MIN); }
  static constexpr timestamp max() { return timestamp(INT64_MAX); }

  constexpr std::int64_t ns() const { return ns_; }
  constexpr double ms() const { return static_cast<double>(ns_) / 1e6; }
  constexpr double seconds() const { return static_cast<double>(ns_) / 1e9; }

  constexpr auto operator<=>(const timestamp&) const = default;
  constexpr timestamp operator+(duration d) const { return timestamp(ns_ + d.count()); }
  constexpr timestamp operator-(duration d) const { return timestamp(ns_ - d.count()); }
  constexpr duration operator-(timestamp other) const { return duration(ns_ - other.ns_); }

 private:
  std::int64_t ns_ = 0;
};

/// The grid of a session: micro-turn k covers stream time [k * length, (k + 1) * length).
struct micro_turn_grid {
  duration length = std::chrono::milliseconds(200);

  constexpr std::int64_t index_of(timestamp t) const {
    const auto n = length.count();
    const auto q = t.ns() / n;
    return q * n > t.ns() ? q - 1 : q;  // floor, also before zero
  }
  constexpr timestamp start_of(std::int64_t k) const { return timestamp(k * length.count()); }
  constexpr timestamp end_of(std::int64_t k) const { return start_of(k + 1); }
};

}  // namespace hocket
