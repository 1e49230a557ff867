#include "actors/observe/http_server.hpp"

#include <fmt/format.h>

#include "actors/host/status_socket.hpp"
#include "actors/http/address.hpp"
#include "actors/http/fetch.hpp"
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
    how.handle = [this](const http::request& r, const http::responder& reply) { reply(answer(r)); };
    auto made = http::server::start(std::move(how));
    if (!made) return fail(made);
    server_ = std::move(*made);
    return server_->url();
  }

 private:
  http::response answer(const http::request& r) const {
    const bool known =
        r.path == "/metrics" || r.path == "/status" || r.path == "/healthz" || r.path == "/readyz";
    if (!known) return plain(404, "here are /metrics, /status, /healthz and /readyz");
    if (r.method != "GET" && r.method != "HEAD") {
      auto out = plain(405, "these pages are only read");
      out.headers = {{"Allow", "GET, HEAD"}};
      return out;
    }
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

  const run_identity who_;
  const run_window& run_;
  const std::shared_ptr<http::server_counters> counters_ =
      std::make_shared<http::server_counters>();
  std::unique_ptr<http::server> server_;
};

http_server::http_server(std::unique_ptr<impl> i, std::string url)
    : impl_(std::move(i)), url_(std::move(url)) {}
http_server::~http_server() = default;

result<std::unique_ptr<http_server>> http_server::start(const http_options& o,
                                                        const run_window& run) {
  const auto at = http::parse_address(o.address);
  if (!at) return fail(at);
  if (!at->is_loopback() && !o.beyond_loopback)
    return fail("observe.not_loopback",
                fmt::format("{} can be reached from other machines, and everybody who reaches it "
                            "can read the names and figures of this graph",
                            at->url()));
  auto made = std::make_unique<impl>(o.who, run);
  auto url = made->listen(o);
  if (!url) return fail(url);
  return std::unique_ptr<http_server>(new http_server(std::move(made), std::move(*url)));
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
