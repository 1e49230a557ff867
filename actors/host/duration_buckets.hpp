#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hocket::host {

/// How many durations were shorter than each of some fixed bounds: 1 µs to 17 s in octaves, half
/// octaves between 1 ms and 1 s. The bounds are bucket edges of `histogram`, so counts are exact.
struct duration_buckets {
  static constexpr std::size_t size = 35;
  /// The bounds as edges of `histogram`: 8 to an octave, 0 = 8 ns.
  static constexpr std::array<std::uint16_t, size> edges = [] {
    std::array<std::uint16_t, size> out{};
    std::size_t n = 0;
    for (unsigned octave = 10; octave <= 34; ++octave) {
      out[n++] = static_cast<std::uint16_t>((octave - 3) * 8);
      if (octave >= 20 && octave < 30) out[n++] = static_cast<std::uint16_t>((octave - 3) * 8 + 4);
    }
    return out;
  }();
  static constexpr double bound_s(std::size_t i) {
    const unsigned octave = edges[i] / 8u;
    return static_cast<double>((8ULL + edges[i] % 8u) << octave) / 1e9;
  }

  std::array<std::uint64_t, size> below{};  ///< shorter than bound i: cumulative
  std::uint64_t count = 0;
  double sum_s = 0;
};

}  // namespace hocket::host
