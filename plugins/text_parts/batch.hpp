#pragma once

#include <vector>

#include "graph/contract/component.hpp"

namespace hocket::text_parts {

/// `text.batch`: joins texts into one, until there are `size` of them or the oldest is `within_ms`
/// old.
///
/// Inputs: text. Outputs: text: the values with `separator` between them, at the time and with the
/// role of the last one. The time limit is looked at once per micro-turn.
/// Errors, counters: none. Nothing is lost, at the end of the stream and when somebody barges in: what
/// waits was taken over before it.
class batch final : public component {
 public:
  struct config {
    std::int64_t size = 16;
    std::int64_t within_ms = 1000;
    std::string separator = "\n";
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit batch(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> tick(std::int64_t micro_turn, emitter&) override;
  result<void> on_control(std::size_t port, const packet&, emitter&) override;
  result<void> close(emitter&) override;

 private:
  void send(emitter&);

  config config_;
  micro_turn_grid grid_;
  std::vector<packet> waiting_;
};

}  // namespace hocket::text_parts
