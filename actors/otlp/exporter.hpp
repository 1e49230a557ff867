#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "actors/otlp/spans.hpp"
#include "actors/webhook/outbox.hpp"
#include "graph/trust/capability.hpp"

namespace hocket::otlp {

struct export_options {
  /// Of the collector; `/v1/traces` is added where the path does not end so.
  std::string url = {};
  bool plain = false;  ///< http:// to another machine, too
  int every = 1;       ///< packets of each n-th micro-turn
  /// `NAME=VALUE,…` as in OTEL_EXPORTER_OTLP_HEADERS, values percent-escaped; may hold secrets.
  std::string headers = {};
  resource who = {};
  std::size_t waiting_max = 16'384;  ///< spans that wait to be put into a request; beyond: lost
  int time_limit_ms = 5000;          ///< of one request
  std::int64_t end_ms = 2000;        ///< how long finish() waits for what is not delivered
};

/// Sends the ways of packets to an OpenTelemetry collector: OTLP over HTTP, as JSON.
///
/// Nobody waits for the collector: what it does not take in time is lost and counted.
/// Memory: `waiting_max` spans of about 250 bytes, and 4 MiB of requests.
/// Errors of start(): otlp.bad_address, otlp.bad_headers; trust.refused.
/// Threads: as for host::observer; two of its own.
class exporter final : public host::observer {
 public:
  /// `graph` must outlive it; plans that follow are copied.
  static result<std::unique_ptr<exporter>> start(export_options o, const trust::capability& may,
                                                 const plan& graph);
  ~exporter() override;

  bool wants_calls() const override { return true; }
  void called(const plan& graph, const host::call_record& r) override;
  void packet_emitted(const plan& graph, actor_index actor, std::size_t port,
                      const packet& p) override;
  void rewired(const host::graph_revision& r) override;

  /// What is wrong with the collector; "" while nothing is.
  std::string trouble() const;

  struct figures {
    std::uint64_t delivered = 0, lost = 0;  ///< spans
  };
  /// Sends what is left, for a while; the rest is lost.
  figures finish();

 private:
  exporter(export_options o, const plan& graph);
  void add(std::vector<span> spans);
  void work();
  webhook::answer post(const webhook::delivery& d);
  void note_trouble(std::string why);

  const export_options options_;
  const std::int64_t unix_zero_ns_;
  const span_maker maker_;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::string url_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> taken_{0}, delivered_{0};
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<const plan_names> names_;
  std::deque<span> waiting_;
  std::string trouble_;
  bool over_ = false;
  std::unique_ptr<webhook::outbox> outbox_;
  std::thread thread_;
};

}  // namespace hocket::otlp
