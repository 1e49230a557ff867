#pragma once

#include <optional>

#include "graph/contract/component.hpp"
#include "plugins/vad_energy/detector.hpp"

namespace hocket::vad_energy {

/// `vad.energy`: cuts a stream of sound into utterances by its energy, on stream time.
///
/// Inputs: audio: 16 kHz mono f32, any chunking. A gap is silence (gap_samples), what comes twice is
/// dropped (repeated_samples), after a gap of more than a minute it begins anew (restarts_of_time).
/// Outputs: segments: one chunk per utterance, with its margins; events: text of role `vad`:
/// `speech_begin` (ts = first sound), `barge_in` (the person has spoken for `barge_in_ms`: whoever
/// talks should stop), `speech_end` (ts = last sound). Each begin has one end, and one segment
/// that comes before that end.
/// Errors: none. Latency: `endpoint_ms` from the last sound to the segment, on stream time.
/// Counters: utterances, gap_samples, repeated_samples, wrong_format, restarts_of_time.
class vad final : public component {
 public:
  struct config {
    detector_options options;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit vad(config c) : config_(c) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> on_control(std::size_t port, const packet&, emitter&) override;
  result<void> close(emitter&) override;

 private:
  void send(std::vector<detection> found, emitter&);

  config config_;
  context context_;
  std::optional<detector> detector_;
};

}  // namespace hocket::vad_energy
