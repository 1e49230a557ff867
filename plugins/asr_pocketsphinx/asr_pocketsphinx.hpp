#pragma once

#include <memory>

#include "graph/contract/component.hpp"
#include "plugins/asr_pocketsphinx/recognizer.hpp"

namespace hocket::asr_pocketsphinx {

/// `asr.pocketsphinx`: writes down what was said in each utterance.
///
/// Inputs: segments: 16 kHz mono f32, one chunk per utterance (as `vad.energy` makes them).
/// Outputs: text: role `heard`, the words of one utterance, ts = its end; nothing where no words
/// fit (not_understood).
/// Errors: asr.*, see recognizer.
/// Latency: it decodes when the utterance has ended; its README says how long that takes. In
/// virtual time that costs no stream time.
/// Counters: utterances, not_understood, too_short.
class asr final : public component {
 public:
  struct config {
    recognizer_options options;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit asr(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> close(emitter&) override;

 private:
  config config_;
  context context_;
  std::unique_ptr<recognizer> recognizer_;
};

}  // namespace hocket::asr_pocketsphinx
