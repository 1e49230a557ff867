#pragma once

#include <memory>
#include <string>

#include "actors/observe/metrics_text.hpp"
#include "actors/observe/run_window.hpp"

namespace hocket::observe {

struct http_options {
  std::string address;           ///< tcp://127.0.0.1:9464; port 0 = any that is free
  bool beyond_loopback = false;  ///< other machines may ask: plain HTTP, no password
  run_identity who;
};

/// Serves a run over HTTP, for Prometheus, orchestrators and `hocket top --connect`:
/// `/metrics`, `/status` (JSON, as on the status socket), `/healthz`, `/readyz`.
///
/// /healthz is 200 while the run answers questions about itself: a deadlock in the host shows as a
/// time-out, a hung actor does not, because the supervisor deals with it. /readyz is 200 while the
/// graph is open and no actor is starting, restarting, hung or lost; else 503, naming them.
///
/// Threads: four of its own. Requests without a body only; a connection serves one request.
/// Errors: observe.bad_address, observe.not_loopback, observe.cannot_listen.
class http_server {
 public:
  /// `run` must outlive the server.
  static result<std::unique_ptr<http_server>> start(const http_options& o, const run_window& run);
  ~http_server();
  /// With the port that it really has.
  const std::string& url() const { return url_; }

 private:
  class impl;
  http_server(std::unique_ptr<impl> i, std::string url);
  std::unique_ptr<impl> impl_;
  std::string url_;
};

/// The body of a GET within `limit_ms`. Errors: observe.no_answer, observe.bad_address.
result<std::string> http_get(const std::string& address, const std::string& path, int limit_ms);

/// What /readyz says: empty where a run in this state is ready.
std::string why_not_ready(run_window::stage stage, const std::optional<host::snapshot>& s);

}  // namespace hocket::observe
