#include "engine/audio/fft.hpp"

#include <kiss_fftr.h>

#include "graph/core/assert.hpp"

namespace hocket::engine {

struct real_fft::state {
  kiss_fftr_cfg forward = nullptr;
  kiss_fftr_cfg inverse = nullptr;
  ~state() {
    kiss_fftr_free(forward);
    kiss_fftr_free(inverse);
  }
};

static_assert(sizeof(kiss_fft_cpx) == sizeof(std::complex<float>));

real_fft::real_fft(std::size_t size) : size_(size), state_(std::make_unique<state>()) {
  HOCKET_ASSERT(size >= 2 && size % 2 == 0);
  state_->forward = kiss_fftr_alloc(static_cast<int>(size), 0, nullptr, nullptr);
  state_->inverse = kiss_fftr_alloc(static_cast<int>(size), 1, nullptr, nullptr);
}

real_fft::~real_fft() = default;
real_fft::real_fft(const real_fft& other) : real_fft(other.size_) {}
real_fft& real_fft::operator=(const real_fft& other) { return *this = real_fft(other); }
real_fft::real_fft(real_fft&&) noexcept = default;
real_fft& real_fft::operator=(real_fft&&) noexcept = default;

void real_fft::forward(std::span<const float> time, std::span<std::complex<float>> spectrum) {
  HOCKET_ASSERT(time.size() == size_ && spectrum.size() == bins());
  kiss_fftr(state_->forward, time.data(), reinterpret_cast<kiss_fft_cpx*>(spectrum.data()));
}

void real_fft::inverse(std::span<const std::complex<float>> spectrum, std::span<float> time) {
  HOCKET_ASSERT(time.size() == size_ && spectrum.size() == bins());
  kiss_fftri(state_->inverse, reinterpret_cast<const kiss_fft_cpx*>(spectrum.data()), time.data());
  const float scale = 1.0f / static_cast<float>(size_);
  for (float& x : time) x *= scale;
}

}  // namespace hocket::engine
