#pragma once

#include <memory>

#include "actors/webhook/sender.hpp"
#include "graph/contract/component.hpp"

namespace hocket::webhook {

/// `webhook.sink`: each packet that it is linked to as one signed POST to an address outside.
///
/// Inputs (all optional): text, tool_calls, tool_results, delegations. Outputs: none.
/// A body: {"type": "text", "from": "model.text", "session", "seq", "t_ms", "data": {…}}. Words are
/// in it but with --no-pii, where their length stands instead. With `secret_env` each has the headers of
/// Standard Webhooks (webhook-id, webhook-timestamp, webhook-signature: v1 HMAC-SHA256 of
/// "id.timestamp.body"); a retry has the same id.
/// Counters: delivered, retried, refused (by the receiver), gave_up (after all tries), dropped (the
/// queue was full, or the run ended). One that is taken down after a failure counts what it had, too.
/// Errors: webhook.bad_config; trust.refused.
/// Threads: packets never wait for the network; one thread of its own sends.
class sink final : public component {
 public:
  struct config {
    std::string url;
    std::string secret_env = {};
    std::vector<std::string> inside = {};
    std::string ca_file = {};
    std::int64_t queue = 64;
    std::int64_t tries = 5;
    std::int64_t backoff_ms = 500;
    std::int64_t time_limit_ms = 5000;
    std::int64_t end_ms = 2000;
    void visit(config_visitor& v);
  };
  static component_info info();

  explicit sink(config c) : config_(std::move(c)) {}
  result<void> open(const context&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;
  result<void> tick(std::int64_t micro_turn, emitter&) override;
  result<void> close(emitter&) override;

 private:
  void note(const sender::report& r);

  config config_;
  context context_;
  bool with_words_ = true, was_refused_ = false;
  std::unique_ptr<sender> sender_;  ///< last: it tells the rest what is left at its end
};

}  // namespace hocket::webhook
