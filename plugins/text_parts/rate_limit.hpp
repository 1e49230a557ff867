#pragma once

#include <optional>

#include "graph/contract/component.hpp"

namespace hocket::text_parts {

/// `text.rate_limit`: lets so many texts through per second of stream time (a token bucket).
///
/// Inputs: text. Outputs: text: what is within the limit, unchanged; refused: the rest, so that a
/// graph can say or count what was held back.
/// Errors: none. Counters: refused.
class rate_limit final : public component {
 public:
  struct config {
    double per_s = 1;
    double burst = 1;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit rate_limit(config c) : config_(c), tokens_(c.burst) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;

 private:
  config config_;
  context context_;
  double tokens_;
  std::optional<timestamp> filled_at_;
};

}  // namespace hocket::text_parts
