#pragma once

#include <array>
#include <vector>

#include "graph/contract/component.hpp"

namespace hocket::audio_parts {

/// `audio.mix`: adds up to four sounds on stream time, micro-turn by micro-turn.
///
/// Inputs: a, b, c, d: sound at `rate_hz` with `channels`, any chunking. Where one has nothing it is
/// silent: a gap, an input that comes later, ends or is lost.
/// An interruption cuts what was made ahead, of all inputs.
/// Outputs: audio: one chunk per micro-turn that exactly fills it. What goes beyond full scale is
/// cut (clipped_samples).
/// Errors: mix.bad_gains (more entries than inputs).
/// Counters: wrong_format (chunks of another rate or number of channels), late_samples (of a
/// micro-turn that is out already), early_chunks (more than 60 s ahead), clipped_samples. Latency: one micro-turn.
class mix final : public component {
 public:
  static constexpr std::size_t inputs_max = 4;
  struct config {
    std::int64_t rate_hz = 16000;
    std::int64_t channels = 1;
    std::vector<double> gains_db;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit mix(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process_sets(std::span<const bundle>, emitter&) override;
  result<void> on_control(std::size_t port, const packet&, emitter&) override;

 private:
  void take(const bundle& set, std::int64_t from);
  void add(const audio_chunk& chunk, float gain, std::int64_t from, std::int64_t to,
           std::vector<float>& into);

  config config_;
  context context_;
  std::array<float, inputs_max> gain_{};
  std::array<std::vector<audio_chunk>, inputs_max> waiting_;  ///< reaches into later micro-turns
  std::array<epoch_number, inputs_max> epoch_{};              ///< by input
};

}  // namespace hocket::audio_parts
