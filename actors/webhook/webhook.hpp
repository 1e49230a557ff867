#pragma once

#include <atomic>
#include <memory>

#include "actors/webhook/outbox.hpp"
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
/// queue was full, or the run ended).
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
  result<void> check_address();
  fate post(const delivery& d) const;
  void tell();

  config config_;
  context context_;
  std::string run_;  ///< tells the ids of this life from those of others
  std::string secret_;
  bool is_inside_ = false, with_words_ = true;
  std::atomic<bool> stopping_{false};
  outbox::figures told_;
  std::unique_ptr<outbox> outbox_;  ///< last: its thread uses the rest
};

}  // namespace hocket::webhook
