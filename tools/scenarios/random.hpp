// Random numbers that are the same on every machine and library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hocket::scenarios {

/// splitmix64. The distributions of <random> differ between libraries; these do not.
class random_stream {
 public:
  explicit random_stream(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  /// [0, 1)
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  double uniform(double low, double high) { return low + (high - low) * unit(); }
  /// low..high, both included
  int integer(int low, int high) {
    return low + static_cast<int>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(double p) { return unit() < p; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[static_cast<std::size_t>(next() % from.size())];
  }
  /// Near enough to a normal draw for noise: the sum of four uniform 16-bit numbers, variance 1.
  float rough_normal() {
    const std::uint64_t z = next();
    const auto part = [&](int i) { return static_cast<float>((z >> (16 * i)) & 0xffff); };
    return (part(0) + part(1) + part(2) + part(3) - 131070.0f) * 2.6427e-5f;
  }

 private:
  std::uint64_t state_;
};

/// Mixes numbers into one seed.
inline std::uint64_t seed_of(std::uint64_t a, std::uint64_t b, std::uint64_t c = 0) {
  random_stream mix(a * 0x9e3779b97f4a7c15ull + b);
  const std::uint64_t first = mix.next();
  return random_stream(first ^ (c * 0xd1342543de82ef95ull)).next();
}

}  // namespace hocket::scenarios
