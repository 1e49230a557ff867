// Changing the sample rate with libsoxr.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::engine {

/// Streaming resampler, mono f32. The output of all pushes and the flush together is
/// round(n * out / in) samples, aligned with the input (the filter's delay is taken out).
/// *Threads*: one instance per stream. *Latency*: about 10 ms of audio inside the filter.
class resampler {
 public:
  /// *Errors*: `audio.rate` for rates soxr refuses.
  static result<resampler> make(double in_hz, double out_hz);
  ~resampler();
  resampler(resampler&&) noexcept;
  resampler& operator=(resampler&&) noexcept;

  void push(std::span<const float> samples, std::vector<float>& out);
  /// The tail that is still inside the filter; the stream ends here.
  void flush(std::vector<float>& out);

 private:
  struct state;
  explicit resampler(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

/// A whole signal at once.
result<std::vector<float>> resample(std::span<const float> samples, double in_hz, double out_hz);

}  // namespace hocket::engine
