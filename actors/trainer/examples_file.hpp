#pragma once

#include <string>
#include <vector>

#include "graph/contract/component.hpp"

namespace hocket::trainer {

/// `trainer.examples`: a file with one JSON object a line as training examples, in its order.
/// Outputs: examples. Errors: train.data (open), naming file and line.
class examples_file final : public component {
 public:
  struct config {
    std::string file, provenance;
    std::int64_t per_s = 100;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit examples_file(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<source_state> produce(timestamp until, emitter&) override;

 private:
  config config_;
  context context_;
  std::vector<training_example> all_;
  std::size_t next_ = 0;
};

}  // namespace hocket::trainer
