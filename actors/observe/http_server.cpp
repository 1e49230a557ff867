#include "actors/observe/http_server.hpp"

#include <fmt/format.h>

#include "actors/host/status_socket.hpp"
#include "actors/http/address.hpp"
#include "actors/http/fetch.hpp"
#include "actors/http/routes.hpp"
#include "actors/http/server.hpp"
#include "actors/observe/http_metrics.hpp"

namespace hocket::observe {
namespace {

constexpr const char* exposition_type = "text/plain; version=0.0.4; charset=utf-8";

http::server_limits limits() {
  http::server_limits out;
  out.body_bytes = 1024;
  out.header_ms = 2'000;
  out.body_ms = 2'000;
  out.write_ms = 5'000;
  return out;
}

http::response plain(int status, std::string text) {
  return {status, "text/plain; charset=utf-8", std::move(text) + "\n", {}};
}

}  // namespace

std::string why_not_ready(run_window::stage stage, const std::optional<host::snapshot>& s) {
  if (stage == run_window::stage::opening) return "the graph is not open yet";
  if (stage != run_window::stage::running || !s) return "the run is stopping";
  std::string out;
  for (const auto& a : s->actors) {
    using enum host::actor_state;
    if (a.state != starting && a.state != restarting && a.state != hung && a.state != lost)
      continue;
    out += fmt::format("{}{} is {}", out.empty() ? "" : ", ", a.name, to_string(a.state));
  }
  return out;
}

class http_server::impl {
 public:
  impl(run_identity who, const run_window& run) : who_(std::move(who)), run_(run) {}

  result<std::string> listen(const http_options& o) {
    http::server_options how;
    how.address = o.address;
    how.limits = limits();
    how.hosts = http::host_rules(o.names);
    how.counters = counters_;
    how.handle = [this, table = http::route_table(rows(o.beyond_loopback, false))](
                     const http::request& r, const http::responder& reply) {
      reply(answer(r, table));
    };
    auto made = http::server::start(std::move(how));
    if (!made) return fail(made);
    server_ = std::move(*made);
    return server_->url();
  }

  /// A listener and a thread of its own, and descriptors that nobody else gets: it answers while the
  /// other one is flooded, or the process has no descriptor left.
  result<std::string> listen_for_health(const http_options& o) {
    http::server_options how;
    how.address = o.health;
    how.limits = limits();
    how.limits.connections = 64;
    how.limits.connections_per_address = 32;
    how.limits.requests_per_connection = 10;
    how.limits.idle_ms = 2'000;
    how.limits.reserved_descriptors = 4;
    how.hosts = http::host_rules(o.names);
    how.handle = [this, table = http::route_table(rows(true, true))](const http::request& r,
                                                                     const http::responder& reply) {
      reply(answer(r, table));
    };
    auto made = http::server::start(std::move(how));
    if (!made) return fail(made);
    health_ = std::move(*made);
    return health_->url();
  }

 private:
  http::response answer(const http::request& r, const http::route_table& table) const {
    if (auto no = table.refuses(r, http::caller_of(r))) return std::move(*no);
    const auto now = run_.look();
    if (r.path == "/healthz") return plain(200, "ok");
    if (r.path == "/metrics")
      return {200,
              exposition_type,
              metrics_text(who_, now) + process_metrics() + http_metrics(*counters_),
              {}};
    if (r.path == "/status")
      return now ? http::response{200, "application/json", to_json(*now, who_.graph) + "\n", {}}
                 : plain(503, "the graph is not open");
    const auto why = why_not_ready(run_.now(), now);
    return why.empty() ? plain(200, "ready") : plain(503, why);
  }

  static std::vector<http::route> rows(bool public_too, bool health_alone) {
    using enum http::caller;
    const std::vector<std::string> read = {"GET", "HEAD"};
    const std::vector<http::caller> all = {stranger, neighbour}, near = {neighbour};
    std::vector<http::route> out;
    for (const char* path : {"/healthz", "/readyz"}) out.push_back({path, read, all});
    if (!health_alone)
      for (const char* path : {"/metrics", "/status"})
        out.push_back({path, read, public_too ? all : near});
    return out;
  }

  const run_identity who_;
  const run_window& run_;
  const std::shared_ptr<http::server_counters> counters_ =
      std::make_shared<http::server_counters>();
  std::unique_ptr<http::server> server_, health_;
};

http_server::http_server(std::unique_ptr<impl> i, std::string url, std::string health)
    : impl_(std::move(i)), url_(std::move(url)), health_url_(std::move(health)) {}
http_server::~http_server() = default;

result<std::unique_ptr<http_server>> http_server::start(const http_options& o,
                                                        const run_window& run) {
  auto made = std::make_unique<impl>(o.who, run);
  std::string url, health;
  if (!o.address.empty()) {
    const auto at = http::parse_address(o.address);
    if (!at) return fail(at);
    if (!at->is_loopback() && !o.beyond_loopback)
      return fail("observe.not_loopback",
                  fmt::format("{} can be reached from other machines, and everybody who reaches it "
                              "can read the names and figures of this graph",
                              at->url()));
    auto there = made->listen(o);
    if (!there) return fail(there);
    url = std::move(*there);
  }
  if (!o.health.empty()) {
    auto there = made->listen_for_health(o);
    if (!there) return fail(there);
    health = std::move(*there);
  }
  return std::unique_ptr<http_server>(
      new http_server(std::move(made), std::move(url), std::move(health)));
}

result<std::string> http_get(const std::string& address, const std::string& path, int limit_ms) {
  const auto at = http::parse_address(address);
  if (!at) return fail(at);
  http::fetch_request ask;
  ask.url = at->url() + path;
  ask.connect_ms = ask.total_ms = limit_ms;
  ask.body_bytes = 64 << 20;  // a graph of thousands of links
  const auto reply = http::fetch(ask);
  if (!reply) return fail("observe.no_answer", reply.error().message);
  if (reply->status != 200)
    return fail("observe.no_answer",
                fmt::format("{}{}: {} {}", at->url(), path, reply->status, reply->body));
  return reply->body;
}

}  // namespace hocket::observe
