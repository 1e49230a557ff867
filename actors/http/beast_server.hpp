// Included by beast.cpp alone.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "actors/http/address.hpp"
#include "actors/http/beast_connection.hpp"

namespace hocket::http {

/// What the limit per address counts a client under: an IPv4 address, or the 64 bits of an IPv6 one
/// that a household gets.
inline std::string bucket_of(const asio::ip::address& a) {
  if (a.is_v4()) return a.to_string();
  auto bytes = a.to_v6().to_bytes();
  if (a.to_v6().is_v4_mapped() || a.is_loopback()) return a.to_string();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return asio::ip::address_v6(bytes).to_string();
}

/// The listener, and the thread of everything.
class server::impl {
 public:
  explicit impl(server_options o)
      : core_(std::make_shared<server_core>(std::move(o))),
        acceptor_(*core_->io),
        pause_(*core_->io),
        cut_(*core_->io) {}
  ~impl() {
    stop(0);
    for (const int fd : reserved_) ::close(fd);
  }

  result<int> listen(const address& at) {
    if (core_->options.tls) HOCKET_TRY(load(*core_->options.tls));
    error_code ec;
    tcp::resolver resolver(*core_->io);
    const auto found = resolver.resolve(at.host, std::to_string(at.port), ec);
    for (const auto& entry : found) {
      ec = bind(entry.endpoint());
      if (!ec) break;
    }
    if (ec)
      return fail(
          "http.cannot_listen",
          fmt::format("{}: cannot listen there (taken, or not an address of this machine): {}",
                      at.url(), ec.message()));
    core_->freed = [this] { reserve(); };  // what it had, before anybody else takes it
    accept();
    thread_ = std::thread([this] { core_->io->run(); });
    return static_cast<int>(acceptor_.local_endpoint().port());
  }

  void stop(int drain_ms) {
    if (!thread_.joinable()) return;
    asio::post(*core_->io, [this, drain_ms] {
      error_code ignored;
      acceptor_.close(ignored);
      pause_.cancel();
      core_->emptied = [this] { cut_.cancel(); };
      core_->drain();
      if (core_->is_empty()) return;
      cut_.expires_after(std::chrono::milliseconds(drain_ms));
      cut_.async_wait([this](error_code ec) {
        if (!ec) core_->cut_all();
      });
    });
    thread_.join();
  }

  const server_counters& counters() const { return core_->counters; }

 private:
  result<void> load(const tls_identity& own) {
    auto& context = core_->tls.emplace(asio::ssl::context::tls_server);
    context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                        asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                        asio::ssl::context::no_tlsv1_1);
    error_code ec;
    context.use_certificate_chain(asio::buffer(own.certificate_chain), ec);
    if (!ec) context.use_private_key(asio::buffer(own.private_key), asio::ssl::context::pem, ec);
    if (!ec && SSL_CTX_check_private_key(context.native_handle()) != 1)
      ec = error_code(static_cast<int>(ERR_get_error()), asio::error::get_ssl_category());
    if (ec)
      return fail("http.bad_certificate",
                  "the certificate and its key do not serve for TLS: " + ec.message());
    return {};
  }

  error_code bind(const tcp::endpoint& at) {
    error_code ec;
    acceptor_.open(at.protocol(), ec);
    // Not SO_REUSEPORT: it lets two runs share a port unnoticed.
    if (!ec) acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec) acceptor_.bind(at, ec);
    if (!ec) acceptor_.listen(512, ec);
    error_code ignored;
    if (ec) acceptor_.close(ignored);
    return ec;
  }

  /// Descriptors that nobody else of the process can use up: given away one by one where none is left.
  void reserve() {
    while (static_cast<int>(reserved_.size()) < core_->options.limits.reserved_descriptors) {
      const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      if (fd < 0) return;
      reserved_.push_back(fd);
    }
  }
  void accept() {
    reserve();
    acceptor_.async_accept([this](error_code ec, tcp::socket s) {
      if (!acceptor_.is_open()) return;
      if (ec && !reserved_.empty()) {
        ::close(reserved_.back());
        reserved_.pop_back();
        return accept_without_reserve();
      }
      if (ec) return pause();
      take(std::move(s));
      accept();
    });
  }

  void accept_without_reserve() {
    acceptor_.async_accept([this](error_code ec, tcp::socket s) {
      if (!acceptor_.is_open()) return;
      if (ec) return pause();
      take(std::move(s));
      accept();
    });
  }

  /// Out of descriptors, most likely: asking again at once would only burn the core.
  void pause() {
    pause_.expires_after(std::chrono::milliseconds(50));
    pause_.async_wait([this](error_code ec) {
      if (!ec && acceptor_.is_open()) accept();
    });
  }

  void take(tcp::socket s) {
    error_code ec;
    const auto from = s.remote_endpoint(ec);
    if (ec) return;
    const auto bound = s.local_endpoint(ec);
    if (ec) return;
    s.set_option(tcp::no_delay(true), ec);
    auto bucket = bucket_of(from.address());
    auto place = core_->admit(bucket);
    if (!place) {
      ++core_->counters.refused;
      static constexpr std::string_view busy =
          "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      s.non_blocking(true, ec);
      if (!core_->tls) s.write_some(asio::buffer(busy), ec);
      return;
    }
    const auto c = std::make_shared<connection>(*core_, from.address().to_string(),
                                                std::move(bucket), bound.address().to_string());
    c->keep(std::move(place));
    core_->enter(c);
    c->start(std::move(s));
  }

  const std::shared_ptr<server_core> core_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_, cut_;
  std::vector<int> reserved_;
  std::thread thread_;
};

}  // namespace hocket::http
