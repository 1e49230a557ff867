#pragma once

#include <vector>

#include "graph/contract/component.hpp"

namespace hocket::audio_parts {

/// `audio.remix`: makes each output channel from channels of the input, and turns it up or down.
///
/// Inputs: audio: any rate and number of channels.
/// Outputs: audio: one channel per entry of `take`: `0` is the first channel of the input, `0+1` the
/// mean of two. What goes beyond full scale is cut (clipped_samples).
/// Errors: remix.bad_take (an entry that names no channels).
/// Counters: missing_channels (chunks that lack one that is asked for: it is silent there),
/// clipped_samples.
class remix final : public component {
 public:
  struct config {
    std::vector<std::string> take{"0"};
    double gain_db = 0;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit remix(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;

 private:
  config config_;
  context context_;
  std::vector<std::vector<std::size_t>> take_;  ///< by output channel: input channels
};

}  // namespace hocket::audio_parts
