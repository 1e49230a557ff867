#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/observe/metrics_text.hpp"
#include "actors/observe/run_window.hpp"

namespace hocket::observe {

struct http_options {
  std::string address;  ///< tcp://127.0.0.1:9464; port 0 = any that is free; "": none
  /// Where /healthz and /readyz are answered by a listener of their own; "": none. They tell no names
  /// but of actors that are not ready, and so may lie beyond loopback.
  std::string health;
  bool beyond_loopback = false;    ///< other machines may ask: plain HTTP, no password
  std::vector<std::string> names;  ///< answered to besides loopback's and the address itself
  run_identity who;
};

/// Serves a run over HTTP, for Prometheus, orchestrators and `hocket top --connect`:
/// `/metrics`, `/status` (JSON, as on the status socket), `/healthz`, `/readyz`.
///
/// /healthz is 200 while the run answers questions about itself: a deadlock in the host shows as a
/// time-out, a hung actor does not, because the supervisor deals with it. /readyz is 200 while the
/// graph is open and no actor is starting, restarting, hung or lost; else 503, naming them.
///
/// Slow, idle and many clients keep nobody out (`actors/http`), and a name that is not ours is not
/// answered (`http::host_rules`).
///
/// Who may read what: /metrics and /status processes of this machine, and everybody with
/// `beyond_loopback`; what is refused is noted (`http::route_table`).
///
/// Threads: one of its own for each listener.
/// Errors: http.bad_address, observe.not_loopback, http.cannot_listen.
class http_server {
 public:
  /// `run` must outlive the server.
  static result<std::unique_ptr<http_server>> start(const http_options& o, const run_window& run);
  ~http_server();
  /// With the ports that they really have; "" where it has none.
  const std::string& url() const { return url_; }
  const std::string& health_url() const { return health_url_; }

 private:
  class impl;
  http_server(std::unique_ptr<impl> i, std::string url, std::string health);
  std::unique_ptr<impl> impl_;
  std::string url_, health_url_;
};

/// The body of a GET within `limit_ms`. Errors: observe.no_answer, http.bad_address.
result<std::string> http_get(const std::string& address, const std::string& path, int limit_ms);

/// What /readyz says: empty where a run in this state is ready.
std::string why_not_ready(run_window::stage stage, const std::optional<host::snapshot>& s);

}  // namespace hocket::observe
