#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "actors/http/host_rules.hpp"
#include "actors/http/message.hpp"
#include "actors/http/websocket.hpp"
#include "graph/core/result.hpp"

namespace hocket::http {

/// Bounds for strangers. Every time-out ends a connection and is counted.
struct server_limits {
  std::size_t header_bytes = 16 * 1024;  ///< beyond: 431
  std::size_t body_bytes = 64 * 1024;    ///< beyond: 413
  /// Of all bodies that are being read or answered together; beyond: 503, before the body is read.
  std::size_t all_bodies_bytes = 64u << 20;
  int connections = 256;               ///< at once
  int connections_per_address = 128;   ///< at once, of one address
  int reserved_descriptors = 0;        ///< kept for it where the process has none left
  int requests_per_connection = 1000;  ///< then `Connection: close`
  int header_ms = 5'000;   ///< from the first byte of a request (or of TLS) to the end of its head
  int body_ms = 10'000;    ///< from the end of the head to the end of the body
  int idle_ms = 15'000;    ///< without a request, before the first one or after one
  int write_ms = 10'000;   ///< for an answer, and 1 s more for each 64 KiB of it
  int answer_ms = 60'000;  ///< for a handler
  websocket_limits socket;
};

/// How a handler answers: once, now or later, from any thread. Dropped unanswered: 500.
class responder {
 public:
  class one_answer;
  explicit responder(std::shared_ptr<one_answer> to) : to_(std::move(to)) {}
  void operator()(response r) const;

 private:
  std::shared_ptr<one_answer> to_;
};

/// A WebSocket is taken: `open` gets the connection once it stands, and gives what is called for it.
struct websocket_accept {
  std::string subprotocol;  ///< one of those offered; empty: none
  std::function<websocket_events(std::shared_ptr<websocket>)> open;
};

/// PEM texts.
struct tls_identity {
  std::string certificate_chain;
  std::string private_key;
};

/// Since the start; each figure only grows, but for `open`.
struct server_counters {
  std::atomic<std::uint64_t> open{0};       ///< connections now
  std::atomic<std::uint64_t> accepted{0};   ///< connections
  std::atomic<std::uint64_t> refused{0};    ///< connections beyond a limit
  std::atomic<std::uint64_t> displaced{0};  ///< idle or slow ones that gave way to a new one
  std::atomic<std::uint64_t> timed_out{0};
  std::atomic<std::uint64_t> requests{0};       ///< handed to `handle` or `upgrade`
  std::atomic<std::uint64_t> malformed{0};      ///< answered 4xx by the server itself
  std::atomic<std::uint64_t> strange_hosts{0};  ///< `Host:` or `Origin:` not answered
  std::atomic<std::uint64_t> websockets{0};     ///< taken
};

struct server_options {
  std::string address;  ///< tcp://127.0.0.1:9464; port 0 = any that is free
  server_limits limits;
  host_rules hosts;
  bool check_origin = true;  ///< of a WebSocket: pages of hosts that `hosts` does not name may not
  std::optional<tls_identity> tls;  ///< with it the port speaks both: the first byte decides
  bool plain_too = true;            ///< without TLS as well, where there is `tls`

  /// Asked when the head is whole, before a byte of the body is kept: an answer refuses the request.
  /// Absent: all come to `handle`. On the server's thread; may not block.
  std::function<std::optional<response>(const request&)> admit;
  /// On the server's thread; may not block. Exceptions end in 500.
  std::function<void(const request&, responder)> handle;
  /// A request for a WebSocket; absent: 404.
  std::function<std::variant<response, websocket_accept>(const request&)> upgrade;

  /// Counted here, so that handlers can tell of it; absent: the server makes its own.
  std::shared_ptr<server_counters> counters;
};

/// An HTTP/1.1 and WebSocket server.
///
/// At a limit of connections, the one that has waited longest for its client (idle, or in the
/// middle of a head, of a body or of an answer that is not read) gives way to the newcomer, so that
/// no crowd of slow clients keeps a quick one out. WebSockets and requests in a handler never give way.
///
/// Threads: one of its own for all connections.
/// Errors: http.bad_address, http.cannot_listen, http.bad_certificate.
class server {
 public:
  static result<std::unique_ptr<server>> start(server_options o);
  ~server();  ///< stop(0)

  /// "http://127.0.0.1:9464", with the port that it really has.
  const std::string& url() const { return url_; }
  int port() const { return port_; }
  const server_counters& counters() const;

  /// Takes no more connections; answers what has been asked, tells WebSockets 1001, and cuts after
  /// `drain_ms` what is still there. Returns when the server's thread has ended.
  void stop(int drain_ms);

  class impl;

 private:
  explicit server(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
  std::string url_;
  int port_ = 0;
};

/// What a server with these options answers to a client that sends `sent`, in pieces of `piece` bytes
/// (0: all at once), and then nothing more: the whole connection, in memory, without a socket or a
/// thread. For tests and fuzzing; `handle` must answer before it returns.
std::string answers_to(const server_options& o, std::string_view sent, std::size_t piece = 0);

}  // namespace hocket::http
