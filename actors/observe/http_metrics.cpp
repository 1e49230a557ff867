#include "actors/observe/http_metrics.hpp"

#include "actors/observe/exposition.hpp"

namespace hocket::observe {

std::string http_metrics(const http::server_counters& c) {
  exposition out;
  const auto count = [](const std::atomic<std::uint64_t>& n) {
    return static_cast<double>(n.load());
  };
  out.family("hocket_http_open_connections", "gauge", "Connections to the page of metrics.");
  out.sample({}, count(c.open));
  out.family("hocket_http_connections_total", "counter", "What became of connections to it.");
  out.sample({{"fate", "accepted"}}, count(c.accepted));
  out.sample({{"fate", "refused"}}, count(c.refused));
  out.sample({{"fate", "displaced"}}, count(c.displaced));
  out.sample({{"fate", "timed_out"}}, count(c.timed_out));
  out.family("hocket_http_requests_total", "counter", "What became of requests to it.");
  out.sample({{"fate", "handled"}}, count(c.requests));
  out.sample({{"fate", "malformed"}}, count(c.malformed));
  out.sample({{"fate", "strange_host"}}, count(c.strange_hosts));
  return std::move(out).text();
}

}  // namespace hocket::observe
