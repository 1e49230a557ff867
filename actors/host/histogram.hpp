#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

#include "actors/host/duration_buckets.hpp"

namespace hocket::host {

/// Times in ns in buckets of an eighth of an octave (at most 9 % wide): one writer, any readers.
class histogram {
 public:
  void add(std::int64_t ns) {
    auto& b = buckets_[index_of(ns)];
    b.store(b.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  /// Adds what another one counted; no other thread adds meanwhile.
  void take(const histogram& other) {
    for (std::size_t i = 0; i < buckets_.size(); ++i)
      buckets_[i].fetch_add(other.buckets_[i].load(std::memory_order_relaxed));
  }
  /// Adds this histogram's counts to `out`.
  using counts = std::array<std::uint64_t, 62 * 8>;
  void add_to(counts& out) const {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] += buckets_[i].load(std::memory_order_relaxed);
  }
  /// The value that a share `q` of all is below, in ms; 0 where there are none.
  static double quantile_ms(const counts& c, double q) {
    std::uint64_t total = 0;
    for (const auto n : c) total += n;
    if (total == 0) return 0;
    const auto wanted = static_cast<std::uint64_t>(q * static_cast<double>(total - 1)) + 1;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < c.size(); ++i)
      if ((seen += c[i]) >= wanted) return middle_of(i) / 1e6;
    return 0;
  }
  /// The counts at fixed bounds; the sum of the durations is known to whoever added them up.
  static duration_buckets buckets_of(const counts& c, double sum_s) {
    duration_buckets out;
    out.sum_s = sum_s;
    std::size_t next = 0;
    for (std::size_t i = 0; i < c.size(); ++i) {
      for (; next < out.size && duration_buckets::edges[next] == i; ++next)
        out.below[next] = out.count;
      out.count += c[i];
    }
    for (; next < out.size; ++next) out.below[next] = out.count;
    return out;
  }

 private:
  static std::size_t index_of(std::int64_t ns) {
    const auto v = static_cast<std::uint64_t>(ns < 8 ? 8 : ns);
    const auto octave = static_cast<std::size_t>(std::bit_width(v)) - 1;  // >= 3
    const auto index = (octave - 3) * 8 + ((v >> (octave - 3)) & 7);
    return index < 62 * 8 ? index : 62 * 8 - 1;
  }
  static double middle_of(std::size_t index) {
    const auto octave = index / 8 + 3;
    return (8.5 + static_cast<double>(index % 8)) * static_cast<double>(1ULL << (octave - 3));
  }

  std::array<std::atomic<std::uint64_t>, 62 * 8> buckets_{};
};

}  // namespace hocket::host
