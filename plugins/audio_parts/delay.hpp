#pragma once

#include "graph/contract/component.hpp"

namespace hocket::audio_parts {

/// `audio.delay`: the same sound, later on stream time.
///
/// Inputs: audio: any rate and number of channels.
/// Outputs: audio: the same samples, without a copy, whose time is `delay_ms` later. They leave at
/// once; whoever plays or joins them does so at their new time.
/// Errors, counters: none.
class delay final : public component {
 public:
  struct config {
    std::int64_t delay_ms = 0;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit delay(config c) : config_(c) {}
  result<void> process(std::size_t port, const packet&, emitter&) override;

 private:
  config config_;
};

}  // namespace hocket::audio_parts
