#pragma once

#include <optional>

#include "graph/contract/component.hpp"
#include "plugins/audio_parts/timed_choice.hpp"

namespace hocket::audio_parts {

/// `audio.gate`: lets sound through from one event to another, such as from `speech_begin` to
/// `speech_end` of vad.energy.
///
/// Inputs: audio: any rate and number of channels; events: text: one of `open_on` opens, one of
/// `close_on` closes, at the event's time, or with the next chunk where that time is past.
/// Outputs: audio: what came, faded over `fade_ms` at both ends; while it is closed silence of the
/// same length (`keeps_time`), or nothing.
/// Errors: gate.no_event (neither list names one). Counters: opened, closed.
class gate final : public component {
 public:
  struct config {
    std::vector<std::string> open_on{"speech_begin"};
    std::vector<std::string> close_on{"speech_end"};
    bool starts_open = false;
    bool keeps_time = true;
    std::int64_t fade_ms = 5;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit gate(config c)
      : config_(std::move(c)),
        open_(config_.starts_open ? 1 : 0),
        ramp_(1, config_.fade_ms, config_.starts_open) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;

 private:
  void heard(const text& event, timestamp at);

  config config_;
  context context_;
  timed_choice open_;  ///< 1: open
  faded ramp_;
};

}  // namespace hocket::audio_parts
