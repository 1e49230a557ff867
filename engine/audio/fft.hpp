// Real discrete Fourier transform of a fixed even size; a thin owner around kissfft.
#pragma once

#include <complex>
#include <cstddef>
#include <memory>
#include <span>

namespace hocket::engine {

/// *Threads*: one instance per thread (it owns scratch memory); different instances are
/// independent. The result is a pure function of the input.
class real_fft {
 public:
  /// `size`: even, product of small primes for speed (800 and 1600 are).
  explicit real_fft(std::size_t size);
  ~real_fft();
  real_fft(const real_fft& other);
  real_fft& operator=(const real_fft& other);
  real_fft(real_fft&&) noexcept;
  real_fft& operator=(real_fft&&) noexcept;

  std::size_t size() const { return size_; }
  std::size_t bins() const { return size_ / 2 + 1; }

  /// `time`: [size], `spectrum`: [bins], unscaled sum.
  void forward(std::span<const float> time, std::span<std::complex<float>> spectrum);
  /// Inverse of `forward`, scaled by 1/size.
  void inverse(std::span<const std::complex<float>> spectrum, std::span<float> time);

 private:
  struct state;
  std::size_t size_ = 0;
  std::unique_ptr<state> state_;
};

}  // namespace hocket::engine
