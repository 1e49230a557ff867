// Small helpers shared by the kernels; private to engine/transformer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

/// Compiles a loop for several instruction sets and picks one at start-up.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define HOCKET_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HOCKET_CLONES
#endif

namespace hocket::engine::kernels {

/// exp(x) to about 2 units in the last place, without a library call, so that loops vectorise.
inline float fast_exp(float x) {
  x = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  const float scaled = x * 1.44269504f;
  const float rounded = __builtin_rintf(scaled);
  const float f = (x - rounded * 0.693359375f) - rounded * -2.12194440e-4f;
  float p = 1.9875691500e-4f;  // Cephes expf
  p = p * f + 1.3981999507e-3f;
  p = p * f + 8.3334519073e-3f;
  p = p * f + 4.1665795894e-2f;
  p = p * f + 1.6666665459e-1f;
  p = p * f + 5.0000001201e-1f;
  p = p * f * f + f + 1.0f;
  const auto bits = static_cast<std::uint32_t>(static_cast<std::int32_t>(rounded) + 127) << 23;
  return p * __builtin_bit_cast(float, bits);
}

/// A buffer that only grows, aligned to a cache line; contents are lost when it grows.
template <class T>
class scratch {
 public:
  T* get(std::int64_t count) {
    if (count > size_) {
      count = std::max(count, size_ + size_ / 2);  // a context grows by one row at a time
      data_.reset(static_cast<T*>(::operator new (sizeof(T) * count, std::align_val_t{64})));
      size_ = count;
    }
    return data_.get();
  }

 private:
  struct release {
    void operator()(T* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  std::unique_ptr<T, release> data_;
  std::int64_t size_ = 0;
};

}  // namespace hocket::engine::kernels
