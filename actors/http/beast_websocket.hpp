// Included by beast.cpp alone.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <mutex>

#include "actors/http/beast_stream.hpp"
#include "actors/http/websocket.hpp"

namespace hocket::http {

namespace beast = boost::beast;

/// A WebSocket whose upgrade is under way or done; both ends use it. It lives as long as its
/// connection: each pending operation holds it.
class websocket_session final : public websocket,
                                public std::enable_shared_from_this<websocket_session> {
 public:
  using stream = beast::websocket::stream<stream_handle, false>;  // false: no permessage-deflate

  websocket_session(std::shared_ptr<asio::io_context> io, stream_handle s,
                    const websocket_limits& limits, std::string peer)
      : io_(std::move(io)),
        ws_(std::move(s)),
        limits_(limits),
        timer_(*io_),
        peer_(std::move(peer)) {
    ws_.read_message_max(limits.message_bytes);
    beast::websocket::stream_base::timeout t{};
    t.handshake_timeout = std::chrono::milliseconds(limits.close_ms);
    t.idle_timeout = std::chrono::milliseconds(limits.silence_ms);
    t.keep_alive_pings = true;
    ws_.set_option(t);
  }

  stream& ws() { return ws_; }

  /// The upgrade is done: events come from now on. `over` is called last of all.
  void begin(websocket_events events, std::function<void()> over) {
    events_ = std::move(events);
    over_ = std::move(over);
    begun_ = true;
    read();
    flush();
  }

  bool send(std::string message, bool is_text) override {
    std::lock_guard lock(mutex_);
    if (done_ || closing_ || queue_.size() >= limits_.queue_messages ||
        (bytes_ + message.size() > limits_.queue_bytes && bytes_ > 0))
      return false;
    bytes_ += message.size();
    queue_.push_back({std::move(message), is_text});
    if (queue_.size() == 1) post([](auto& s) { s.flush(); });
    return true;
  }

  void close(int code, std::string reason) override {
    std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = true;
    reason.resize(std::min<std::size_t>(reason.size(), 120));  // a control frame holds 125 bytes
    goodbye_ = {static_cast<beast::websocket::close_code>(code), reason};
    post([](auto& s) { s.flush(); });
  }

  void abort() override {
    post([](auto& s) {
      s.ws_.next_layer().below().close();
      // Where reading is paused no operation is under way that would notice.
      if (s.begun_ && !s.reading_ && !s.writing_) s.end(asio::error::operation_aborted);
    });
  }

  std::size_t queued_bytes() const override {
    std::lock_guard lock(mutex_);
    return bytes_;
  }

  void pause_reading(bool paused) override {
    post([paused](auto& s) {
      s.paused_ = paused;
      if (!paused && s.begun_ && !s.reading_) s.read();
    });
  }

  const std::string& peer() const override { return peer_; }

 private:
  template <class Then>
  void post(Then then) {
    asio::post(*io_, [weak = weak_from_this(), then] {
      if (const auto self = weak.lock()) then(*self);
    });
  }

  void read() {
    if (paused_ || over_called_) return;
    reading_ = true;
    ws_.async_read(in_, [self = shared_from_this()](error_code ec, std::size_t) {
      self->reading_ = false;
      if (ec) return self->end(ec);
      self->deliver();
      // One large message must not hold its memory for ever.
      if (self->in_.capacity() > 64 * 1024) self->in_.shrink_to_fit();
      self->read();
    });
  }

  void deliver() {
    const auto bytes = in_.cdata();
    try {
      if (events_.message)
        events_.message({static_cast<const char*>(bytes.data()), bytes.size()}, ws_.got_text());
    } catch (const std::exception&) {
      close(1011, "internal error");
    }
    in_.consume(in_.size());
  }

  /// Sends the first of the queue; where it is empty, the goodbye if one is due.
  void flush() {
    if (!begun_ || writing_ || over_called_) return;
    std::unique_lock lock(mutex_);
    if (queue_.empty()) {
      if (!closing_ || said_goodbye_) return;
      said_goodbye_ = true;
      lock.unlock();
      return say_goodbye();
    }
    const auto& next = queue_.front();
    lock.unlock();  // only this thread takes from the front, and a deque's elements stay in place
    writing_ = true;
    ws_.text(next.is_text);
    deadline(limits_.write_ms);
    ws_.async_write(asio::buffer(next.bytes),
                    [self = shared_from_this()](error_code ec, std::size_t) {
                      self->writing_ = false;
                      self->timer_.cancel();
                      if (ec) return self->end(ec);
                      if (self->over_called_) return;
                      {
                        std::lock_guard lock(self->mutex_);
                        self->bytes_ -= self->queue_.front().bytes.size();
                        self->queue_.pop_front();
                      }
                      self->flush();
                    });
  }

  void say_goodbye() {
    paused_ = true;  // async_close reads the other side's goodbye itself
    deadline(limits_.close_ms);
    ws_.async_close(goodbye_, [self = shared_from_this()](error_code) {
      self->timer_.cancel();
      self->end(beast::websocket::error::closed);
    });
  }

  void deadline(int ms) {
    timer_.expires_after(std::chrono::milliseconds(ms));
    timer_.async_wait([self = shared_from_this()](error_code ec) {
      if (!ec) self->ws_.next_layer().below().close();
    });
  }

  void end(error_code ec) {
    if (said_goodbye_ && ec != beast::websocket::error::closed) return;  // async_close ends it
    if (over_called_) return;
    over_called_ = true;
    {
      std::lock_guard lock(mutex_);
      done_ = true;
      bytes_ = 0;
      if (!writing_) queue_.clear();  // else the write under way still points into it
    }
    timer_.cancel();
    // Whoever keeps a handle keeps the stream, whose own timer would keep the thread busy.
    using options = beast::websocket::stream_base;
    ws_.set_option(options::timeout{options::none(), options::none(), false});
    int code = ws_.reason().code;
    std::string reason(ws_.reason().reason.data(), ws_.reason().reason.size());
    if (ec == beast::websocket::error::message_too_big) code = 1009, reason = "message too big";
    if (code == 0) code = 1006, reason = ec.message();
    ws_.next_layer().below().close();
    const auto events = std::exchange(events_, {});  // what they hold may hold this
    const auto over = std::exchange(over_, nullptr);
    if (events.closed) events.closed(code, reason);
    if (over) over();
  }

  struct outgoing {
    std::string bytes;
    bool is_text;
  };

  const std::shared_ptr<asio::io_context> io_;  // who keeps this keeps it, beyond the server too
  stream ws_;
  const websocket_limits limits_;
  asio::steady_timer timer_;
  const std::string peer_;
  beast::flat_buffer in_;
  websocket_events events_;
  std::function<void()> over_;
  bool begun_ = false, reading_ = false, writing_ = false, paused_ = false;
  bool said_goodbye_ = false, over_called_ = false;

  mutable std::mutex mutex_;
  std::deque<outgoing> queue_;
  std::size_t bytes_ = 0;
  bool closing_ = false, done_ = false;
  beast::websocket::close_reason goodbye_;
};

}  // namespace hocket::http
