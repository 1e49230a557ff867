#pragma once

#include <memory>
#include <optional>

#include "engine/audio/dmel.hpp"
#include "graph/contract/component.hpp"

namespace hocket::encoder {

/// `audio.dmel`: sound as the interaction model hears it.
///
/// Inputs: audio: 16 kHz mono f32, any chunking.
/// Outputs: frames: tensor u8 [T, 80] dMel bins 0..15, T = `frames_per_packet` (1 per 50 ms), ts =
/// begin of the first frame's 50 ms, so that a frame lies in the micro-turn in which its sound was
/// made (its window reaches 50 ms further back); followed by a bound, since no earlier one comes.
/// A gap is heard as silence (gap_frames), a repeated part is dropped (repeated_samples), and a gap
/// of more than a minute begins anew.
/// Errors: none. Counters: gap_samples, repeated_samples, wrong_format, restarts_of_time.
class dmel final : public component {
 public:
  struct config {
    std::int64_t frames_per_packet = 1;
    void visit(config_visitor& v) {
      v.field({.name = "frames_per_packet",
               .doc = "50 ms frames in one packet; 4 are a micro-turn",
               .min = 1,
               .max = 4},
              frames_per_packet);
    }
  };
  static component_info info();

  explicit dmel(config c) : config_(c) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> on_control(std::size_t port, const packet&, emitter&) override;
  result<void> close(emitter&) override;

 private:
  void push(std::span<const float> samples, emitter&);
  void send(bool all, emitter&);
  void finish(emitter&);

  config config_;
  context context_;
  engine::dmel_encoder encoder_;
  std::optional<std::int64_t> next_;   ///< index of the next sample
  std::int64_t frame_ = 0;             ///< index of the first frame in pending_
  std::vector<std::uint8_t> pending_;  ///< [n, 80]
};

}  // namespace hocket::encoder
