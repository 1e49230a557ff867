#include "engine/audio/resample.hpp"

#include <soxr.h>

#include <cmath>

namespace hocket::engine {

struct resampler::state {
  soxr_t soxr = nullptr;
  double ratio = 1.0;
  ~state() { soxr_delete(soxr); }

  void run(const float* in, std::size_t n, std::vector<float>& out) {
    const std::size_t step = static_cast<std::size_t>(std::ceil(double(n) * ratio)) + 4096;
    bool draining = in == nullptr;
    for (;;) {
      const std::size_t at = out.size();
      out.resize(at + step);
      std::size_t used = 0, made = 0;
      soxr_process(soxr, in, n, &used, out.data() + at, step, &made);
      out.resize(at + made);
      if (!draining) {
        in += used;
        n -= used;
      }
      if ((draining || n == 0) && made < step) return;
      if (!draining && used == 0 && made == 0) return;
    }
  }
};

resampler::resampler(std::unique_ptr<state> s) : state_(std::move(s)) {}
resampler::~resampler() = default;
resampler::resampler(resampler&&) noexcept = default;
resampler& resampler::operator=(resampler&&) noexcept = default;

result<resampler> resampler::make(double in_hz, double out_hz) {
  soxr_error_t failed = nullptr;
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_MQ, 0);
  auto s = std::make_unique<state>();
  s->ratio = out_hz / in_hz;
  s->soxr = soxr_create(in_hz, out_hz, 1, &failed, nullptr, &quality, nullptr);
  if (!s->soxr)
    return fail("audio.rate", "cannot resample from " + std::to_string(in_hz) + " Hz to " +
                                  std::to_string(out_hz) + " Hz: " + soxr_strerror(failed));
  return resampler(std::move(s));
}

void resampler::push(std::span<const float> samples, std::vector<float>& out) {
  if (!samples.empty()) state_->run(samples.data(), samples.size(), out);
}

void resampler::flush(std::vector<float>& out) { state_->run(nullptr, 0, out); }

result<std::vector<float>> resample(std::span<const float> samples, double in_hz, double out_hz) {
  std::vector<float> out;
  if (in_hz == out_hz) {
    out.assign(samples.begin(), samples.end());
    return out;
  }
  auto stream = resampler::make(in_hz, out_hz);
  if (!stream) return fail(stream);
  stream->push(samples, out);
  stream->flush(out);
  return out;
}

}  // namespace hocket::engine
