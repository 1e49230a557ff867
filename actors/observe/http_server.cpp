#include "actors/observe/http_server.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include "actors/host/status_socket.hpp"
#include "actors/observe/http_address.hpp"

namespace hocket::observe {
namespace {

constexpr const char* exposition_type = "text/plain; version=0.0.4; charset=utf-8";

void limit(httplib::Server& server) {
  server.new_task_queue = [] { return new httplib::ThreadPool(4); };
  server.set_payload_max_length(1024);
  server.set_read_timeout(2);
  server.set_write_timeout(5);
  // One request each: a client that keeps its connection would keep a thread.
  server.set_keep_alive_max_count(1);
  // The library's own choice is SO_REUSEPORT, which lets two runs share a port unnoticed.
  server.set_socket_options([](socket_t s) {
    const int yes = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
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
  impl(const http_options& o, const run_window& run) : who_(o.who), run_(run) { limit(server_); }
  ~impl() {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  /// The port; -1 where it cannot listen.
  int listen(const http_address& at) {
    routes();
    const int port = at.port == 0                             ? server_.bind_to_any_port(at.host)
                     : server_.bind_to_port(at.host, at.port) ? at.port
                                                              : -1;
    if (port < 0) return -1;
    thread_ = std::thread([this] {
      server_.listen_after_bind();
      over_.store(true);
    });
    // stop() before the thread listens would be forgotten.
    while (!server_.is_running() && !over_.load()) std::this_thread::yield();
    return port;
  }

 private:
  void routes() {
    server_.Get("/metrics", [this](const auto&, auto& reply) {
      reply.set_content(metrics_text(who_, run_.look()) + process_metrics(), exposition_type);
    });
    server_.Get("/status", [this](const auto&, auto& reply) {
      if (const auto s = run_.look()) {
        reply.set_content(to_json(*s, who_.graph) + "\n", "application/json");
        return;
      }
      reply.status = 503;
      reply.set_content("the graph is not open\n", "text/plain");
    });
    server_.Get("/healthz", [this](const auto&, auto& reply) {
      (void)run_.look();
      reply.set_content("ok\n", "text/plain");
    });
    server_.Get("/readyz", [this](const auto&, auto& reply) {
      const auto why = why_not_ready(run_.now(), run_.look());
      if (!why.empty()) reply.status = 503;
      reply.set_content((why.empty() ? "ready" : why) + "\n", "text/plain");
    });
  }

  const run_identity who_;
  const run_window& run_;
  httplib::Server server_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

http_server::http_server(std::unique_ptr<impl> i, std::string url)
    : impl_(std::move(i)), url_(std::move(url)) {}
http_server::~http_server() = default;

result<std::unique_ptr<http_server>> http_server::start(const http_options& o,
                                                        const run_window& run) {
  auto at = parse_http_address(o.address);
  if (!at) return fail(at);
  if (!at->is_loopback() && !o.beyond_loopback)
    return fail("observe.not_loopback",
                fmt::format("{} can be reached from other machines, and everybody who reaches it "
                            "can read the names and figures of this graph",
                            at->url()));
  auto made = std::make_unique<impl>(o, run);
  const int port = made->listen(*at);
  if (port < 0)
    return fail("observe.cannot_listen",
                fmt::format("{}: cannot listen there (taken, or not an address of this machine)",
                            at->url()));
  at->port = port;
  return std::unique_ptr<http_server>(new http_server(std::move(made), at->url()));
}

result<std::string> http_get(const std::string& address, const std::string& path, int limit_ms) {
  const auto at = parse_http_address(address);
  if (!at) return fail(at);
  httplib::Client client(at->host, at->port);
  const std::chrono::milliseconds limit(limit_ms);
  client.set_connection_timeout(limit);
  client.set_read_timeout(limit);
  const auto reply = client.Get(path.c_str());
  if (!reply)
    return fail("observe.no_answer",
                fmt::format("{}{}: {}", at->url(), path, httplib::to_string(reply.error())));
  if (reply->status != 200)
    return fail("observe.no_answer",
                fmt::format("{}{}: {} {}", at->url(), path, reply->status, reply->body));
  return reply->body;
}

}  // namespace hocket::observe
