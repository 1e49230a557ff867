#pragma once

#include <optional>
#include <vector>

#include "engine/audio/resample.hpp"
#include "graph/contract/component.hpp"

namespace hocket::audio_parts {

/// `audio.resample`: changes the sample rate, with libsoxr, in every channel alike.
///
/// Inputs: audio: any rate and number of channels, which may change between chunks.
/// Outputs: audio: at `rate_hz`, on the same stream time: sample n of the output lies where sample
/// n * in / out of the input does. A gap stays a gap; what comes twice is dropped.
/// Errors: audio.rate (a rate that libsoxr refuses).
/// Counters: gaps, repeated_samples. Latency: about 10 ms inside the filter.
class resample final : public component {
 public:
  struct config {
    std::int64_t rate_hz = 16000;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit resample(config c) : config_(c) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> on_control(std::size_t port, const packet&, emitter&) override;
  result<void> close(emitter&) override;

 private:
  /// A stretch without a gap.
  struct stretch {
    std::int32_t rate_hz = 0;
    std::int64_t next_in = 0;
    std::int64_t next_out = 0;
    epoch_number epoch = 0;
    std::vector<engine::resampler> channels;
  };
  result<void> begin(const audio_chunk& first);
  void finish(emitter&);
  void send_channels(std::vector<std::vector<float>> made, emitter&);

  config config_;
  context context_;
  std::optional<stretch> stretch_;
};

}  // namespace hocket::audio_parts
