// Included by beast.cpp alone.
#pragma once

#include <fmt/format.h>

#include <set>
#include <thread>

#include "actors/http/beast_websocket.hpp"
#include "actors/http/url.hpp"

namespace hocket::http {

/// A connection attempt: name, TCP, TLS, upgrade, each with what is left of the time.
class connecting final : public std::enable_shared_from_this<connecting> {
 public:
  connecting(std::shared_ptr<asio::io_context> io, websocket_target to, url at,
             websocket_client::opened then)
      : io_(std::move(io)),
        to_(std::move(to)),
        at_(std::move(at)),
        then_(std::move(then)),
        resolver_(*io_),
        timer_(*io_),
        tls_(asio::ssl::context::tls_client) {}

  using kept = std::function<void(std::shared_ptr<websocket_session>)>;
  /// `keep` is given the session once it stands, and `forget` when it is over.
  void run(kept keep, kept forget) {
    keep_ = std::move(keep);
    forget_ = std::move(forget);
    timer_.expires_after(std::chrono::milliseconds(to_.connect_ms));
    timer_.async_wait([self = shared_from_this()](error_code ec) {
      if (!ec) self->give_up(fmt::format("no connection within {} ms", self->to_.connect_ms));
    });
    if (at_.is_tls()) {
      error_code ec;
      if (to_.ca_file.empty())
        tls_.set_default_verify_paths(ec);
      else
        tls_.load_verify_file(to_.ca_file, ec);
      if (ec) return give_up(to_.ca_file + ": " + ec.message());
      tls_.set_verify_mode(asio::ssl::verify_peer);
    }
    resolver_.async_resolve(
        at_.host, std::to_string(at_.port),
        [self = shared_from_this()](error_code ec, tcp::resolver::results_type found) {
          if (self->is_over_) return;
          if (ec) return self->give_up(ec.message());
          self->connect(std::move(found));
        });
  }

  void give_up(const std::string& why) {
    if (std::exchange(is_over_, true)) return;
    stop_all();
    then_(fail("http.no_connection", fmt::format("{}: {}", at_.without_query(), why)));
    then_ = nullptr;
  }

 private:
  void connect(tcp::resolver::results_type found) {
    socket_ = std::make_shared<tcp::socket>(*io_);
    asio::async_connect(*socket_, found,
                        [self = shared_from_this()](error_code ec, const tcp::endpoint& there) {
                          if (self->is_over_) return;
                          if (ec) return self->give_up(ec.message());
                          self->socket_->set_option(tcp::no_delay(true), ec);
                          self->peer_ = there.address().to_string();
                          self->secure();
                        });
  }

  void secure() {
    if (!at_.is_tls()) {
      stream_ = std::make_shared<socket_stream>(std::move(*socket_));
      return upgrade();
    }
    auto tls = std::make_shared<tls_stream>(std::move(*socket_), tls_);
    stream_ = tls;
    tls->ssl().set_verify_callback(asio::ssl::host_name_verification(at_.host));
    SSL_set_tlsext_host_name(tls->ssl().native_handle(), at_.host.c_str());
    tls->ssl().async_handshake(asio::ssl::stream_base::client,
                               [self = shared_from_this(), tls](error_code ec) {
                                 if (self->is_over_) return;
                                 if (ec) return self->give_up("TLS: " + ec.message());
                                 self->upgrade();
                               });
  }

  void upgrade() {
    session_ = std::make_shared<websocket_session>(io_, stream_handle(*io_, stream_, {}),
                                                   to_.limits, peer_);
    session_->ws().set_option(beast::websocket::stream_base::decorator(
        [headers = to_.headers, sub = to_.subprotocol](beast::websocket::request_type& r) {
          for (const auto& [name, value] : headers) r.set(name, value);
          if (!sub.empty()) r.set(boost::beast::http::field::sec_websocket_protocol, sub);
        }));
    session_->ws().async_handshake(answer_, at_.authority(), at_.target(),
                                   [self = shared_from_this()](error_code ec) {
                                     if (self->is_over_) return;
                                     if (ec) return self->give_up(self->refusal(ec));
                                     self->begin();
                                   });
  }

  std::string refusal(error_code ec) const {
    if (ec != beast::websocket::error::upgrade_declined) return ec.message();
    return fmt::format("refused with {}", answer_.result_int());
  }

  void begin() {
    is_over_ = true;
    timer_.cancel();
    const auto session = session_;
    keep_(session);
    auto events = then_(std::shared_ptr<websocket>(session));
    then_ = nullptr;
    // This lives as long as the session: the TLS context is here.
    session->begin(std::move(events), [self = shared_from_this()] {
      self->forget_(self->session_);
      self->session_.reset();
    });
  }

  void stop_all() {
    timer_.cancel();
    resolver_.cancel();
    error_code ignored;
    if (socket_) socket_->close(ignored);
    if (stream_) stream_->close();
  }

  const std::shared_ptr<asio::io_context> io_;
  const websocket_target to_;
  const url at_;
  websocket_client::opened then_;
  kept keep_, forget_;
  tcp::resolver resolver_;
  asio::steady_timer timer_;
  asio::ssl::context tls_;
  std::shared_ptr<tcp::socket> socket_;
  std::shared_ptr<byte_stream> stream_;
  std::shared_ptr<websocket_session> session_;
  beast::websocket::response_type answer_;
  std::string peer_;
  bool is_over_ = false;
};

class websocket_client::impl {
 public:
  impl() : work_(asio::make_work_guard(*io_)), thread_([io = io_] { io->run(); }) {}
  ~impl() {
    asio::post(*io_, [this] {
      closing_ = true;
      const auto attempts = attempts_;
      for (const auto& a : attempts)
        if (const auto c = a.lock()) c->give_up("the client ends");
      const auto now = sessions_;
      for (const auto& s : now) s->abort();
      work_.reset();
    });
    thread_.join();
  }

  void connect(websocket_target to, opened then) {
    asio::post(*io_, [this, to = std::move(to), then = std::move(then)]() mutable {
      auto at = read_url(to.url);
      if (at && at->scheme != "ws" && at->scheme != "wss")
        at = fail("http.bad_url", "a WebSocket's URL begins with ws:// or wss://");
      if (closing_) at = fail("http.no_connection", "the client ends");
      if (!at) return void(then(fail(at)));
      const auto c =
          std::make_shared<connecting>(io_, std::move(to), std::move(*at), std::move(then));
      std::erase_if(attempts_, [](const auto& a) { return a.expired(); });
      attempts_.push_back(c);
      c->run([this](auto s) { sessions_.insert(std::move(s)); },
             [this](auto s) { sessions_.erase(s); });
    });
  }

 private:
  const std::shared_ptr<asio::io_context> io_ = std::make_shared<asio::io_context>(1);
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<std::weak_ptr<connecting>> attempts_;
  std::set<std::shared_ptr<websocket_session>> sessions_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace hocket::http
