// Included by beast.cpp alone: Boost's templates cost a minute of compilation.
#pragma once

#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/role.hpp>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace hocket::http {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using error_code = boost::system::error_code;
using transferred = asio::any_completion_handler<void(error_code, std::size_t)>;
using finished = asio::any_completion_handler<void(error_code)>;

/// Bytes both ways: a socket, TLS over one, or memory. Virtual, so that HTTP and WebSocket are
/// compiled once and not once per kind. One read and one write at a time; handlers are never called
/// from within.
class byte_stream {
 public:
  virtual ~byte_stream() = default;
  virtual void read(asio::mutable_buffer into, transferred done) = 0;
  virtual void write(std::vector<asio::const_buffer> from, transferred done) = 0;
  /// Says that nothing more is sent; the other direction stays open.
  virtual void finish(finished done) = 0;
  virtual void close() = 0;  ///< at once; pending operations fail
};

class socket_stream final : public byte_stream {
 public:
  explicit socket_stream(tcp::socket s) : socket_(std::move(s)) {}
  void read(asio::mutable_buffer into, transferred done) override {
    socket_.async_read_some(into, std::move(done));
  }
  void write(std::vector<asio::const_buffer> from, transferred done) override {
    socket_.async_write_some(from, std::move(done));
  }
  void finish(finished done) override {
    error_code ec;
    socket_.shutdown(tcp::socket::shutdown_send, ec);
    asio::post(socket_.get_executor(), [d = std::move(done), ec]() mutable { std::move(d)(ec); });
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  tcp::socket socket_;
};

class tls_stream final : public byte_stream {
 public:
  tls_stream(tcp::socket s, asio::ssl::context& context) : ssl_(std::move(s), context) {}
  asio::ssl::stream<tcp::socket>& ssl() { return ssl_; }
  void read(asio::mutable_buffer into, transferred done) override {
    ssl_.async_read_some(into, std::move(done));
  }
  void write(std::vector<asio::const_buffer> from, transferred done) override {
    ssl_.async_write_some(from, std::move(done));
  }
  // Without the answer to our close_notify: whoever waits for it waits for a stranger.
  void finish(finished done) override {
    ssl_.async_shutdown(std::move(done));
    error_code ignored;
    ssl_.lowest_layer().shutdown(tcp::socket::shutdown_send, ignored);
  }
  void close() override {
    error_code ignored;
    ssl_.lowest_layer().close(ignored);
  }

 private:
  asio::ssl::stream<tcp::socket> ssl_;
};

/// Gives what it holds, then the end; keeps what is written.
class memory_stream final : public byte_stream {
 public:
  memory_stream(asio::io_context& io, std::string_view in, std::size_t piece, std::string& out)
      : io_(io), in_(in), piece_(piece == 0 ? in.size() + 1 : piece), out_(out) {}
  void read(asio::mutable_buffer into, transferred done) override {
    const auto n = open_ ? std::min({into.size(), piece_, in_.size()}) : 0;
    std::copy_n(in_.data(), n, static_cast<char*>(into.data()));
    in_.remove_prefix(n);
    complete(std::move(done), n == 0 ? asio::error::eof : error_code(), n);
  }
  void write(std::vector<asio::const_buffer> from, transferred done) override {
    std::size_t n = 0;
    for (const auto& b : from) {
      if (open_) out_.append(static_cast<const char*>(b.data()), b.size());
      n += b.size();
    }
    complete(std::move(done), open_ ? error_code() : asio::error::broken_pipe, open_ ? n : 0);
  }
  void finish(finished done) override {
    asio::post(io_, [d = std::move(done)]() mutable { std::move(d)(error_code()); });
  }
  void close() override { open_ = false; }

 private:
  void complete(transferred done, error_code ec, std::size_t n) {
    asio::post(io_, [d = std::move(done), ec, n]() mutable { std::move(d)(ec, n); });
  }

  asio::io_context& io_;
  std::string_view in_;
  const std::size_t piece_;
  std::string& out_;
  bool open_ = true;
};

/// A byte_stream in the form that Beast wants of a stream. `ahead`: what was read already.
class stream_handle {
 public:
  using executor_type = asio::io_context::executor_type;
  stream_handle(asio::io_context& io, std::shared_ptr<byte_stream> s, std::string ahead)
      : io_(&io), stream_(std::move(s)), ahead_(std::move(ahead)) {}

  executor_type get_executor() const { return io_->get_executor(); }
  byte_stream& below() { return *stream_; }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& into, Handler&& done) {
    asio::mutable_buffer first;
    for (auto i = asio::buffer_sequence_begin(into); i != asio::buffer_sequence_end(into); ++i)
      if (first.size() == 0) first = *i;
    if (ahead_.empty()) return stream_->read(first, transferred(std::forward<Handler>(done)));
    const auto n = std::min(first.size(), ahead_.size());
    std::copy_n(ahead_.data(), n, static_cast<char*>(first.data()));
    ahead_.erase(0, n);
    asio::post(*io_, [d = transferred(std::forward<Handler>(done)), n]() mutable {
      std::move(d)(error_code(), n);
    });
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& from, Handler&& done) {
    stream_->write({asio::buffer_sequence_begin(from), asio::buffer_sequence_end(from)},
                   transferred(std::forward<Handler>(done)));
  }

 private:
  asio::io_context* io_;
  std::shared_ptr<byte_stream> stream_;
  std::string ahead_;
};

// What Beast calls at the end of a WebSocket, found by the argument's namespace.
inline void teardown(boost::beast::role_type, stream_handle& s, error_code& ec) {
  s.below().close();
  ec = {};
}
template <class Handler>
void async_teardown(boost::beast::role_type, stream_handle& s, Handler&& done) {
  s.below().finish(finished(std::forward<Handler>(done)));
}
inline void beast_close_socket(stream_handle& s) { s.below().close(); }

}  // namespace hocket::http
