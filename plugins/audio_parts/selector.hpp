#pragma once

#include <array>
#include <vector>

#include "graph/contract/component.hpp"
#include "plugins/audio_parts/timed_choice.hpp"

namespace hocket::audio_parts {

/// `audio.switch`: passes one of two sounds on, whichever was chosen last.
///
/// Inputs: a, b: any rate and number of channels; choice: text `a` or `b`, at its time, or with the
/// next chunk where that is past.
/// Outputs: audio: chunks of the chosen one, on their own time, which never runs backwards: what
/// overlaps is cut away. The old one fades out over `fade_ms`, then the new one in; the new one
/// waits up to 100 ms of sound, or two of the longest chunks, for the old one's end, since inputs do not come equally early.
/// An interruption cuts what waits and was made ahead.
/// Errors: none. Counters: switched, unknown_choices, overlapping_samples.
class selector final : public component {
 public:
  struct config {
    std::string first = "a";
    std::int64_t fade_ms = 5;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit selector(config c)
      : config_(std::move(c)),
        choice_(config_.first == "b" ? 1 : 0),
        ramps_{faded(0, config_.fade_ms, config_.first != "b", true),
               faded(1, config_.fade_ms, config_.first == "b", true)} {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> on_control(std::size_t port, const packet&, emitter&) override;
  result<void> close(emitter&) override;

 private:
  /// Of one chunk what its ramp lets through.
  void pass(const audio_chunk& chunk, std::size_t from, emitter&);
  void send_held(emitter&);
  void send_now(audio_chunk chunk, emitter&);

  config config_;
  context context_;
  timed_choice choice_;  ///< 0: a, 1: b
  std::vector<faded> ramps_;
  timestamp sent_until_ = timestamp::min();
  epoch_number epoch_ = 0;  ///< of what was heard last
  std::array<timestamp, 2> heard_until_{timestamp::min(), timestamp::min()};  ///< by input
  std::array<bool, 2> ended_{};
  duration longest_{};             ///< of a chunk
  std::vector<audio_chunk> held_;  ///< of the new one, while the old one's end is awaited
  std::size_t held_of_ = 0;        ///< whose they are
};

}  // namespace hocket::audio_parts
