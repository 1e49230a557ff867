#pragma once

#include "graph/contract/component.hpp"

namespace hocket::text_parts {

/// `text.timer`: says the same text again and again, at fixed times of its conversation.
///
/// Outputs: text: number n (from 0 on) at exactly `first_ms` + n * `every_ms` after the conversation's
/// first whole micro-turn began (0 where that began with the run); `{n}` in it becomes that number. In real time it comes up to 20 ms after its time.
/// Errors, counters: none. It ends after `count` texts.
class timer final : public component {
 public:
  struct config {
    std::int64_t every_ms = 1000;
    std::int64_t first_ms = 0;
    std::int64_t count = 0;
    std::string text = "tick";
    std::string role = "timer";
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit timer(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<source_state> produce(timestamp until, emitter&) override;

 private:
  config config_;
  timestamp began_;  ///< of its conversation: the micro-turn that begins then
  std::int64_t next_ = 0;
};

}  // namespace hocket::text_parts
