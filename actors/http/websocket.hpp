#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "actors/http/message.hpp"
#include "graph/core/result.hpp"

namespace hocket::http {

/// One WebSocket connection, of a server or of a client.
///
/// Threads: any. Keeping it alive does not keep the connection open.
class websocket {
 public:
  virtual ~websocket() = default;

  /// Queues a message. False where it was not taken: the queue is full (`websocket_limits`) or the
  /// connection is over. Whoever sends decides what then: leave something out, or close.
  virtual bool send(std::string message, bool is_text = true) = 0;
  /// Sends what is queued, then says goodbye. Codes: RFC 6455, 7.4. Later calls change nothing.
  virtual void close(int code, std::string reason) = 0;
  /// Cuts the connection without a word.
  virtual void abort() = 0;
  /// What waits to be sent.
  virtual std::size_t queued_bytes() const = 0;
  /// While paused nothing more is read, so that TCP holds up a client that sends too much; the
  /// message that is being read still comes.
  virtual void pause_reading(bool paused) = 0;
  virtual const std::string& peer() const = 0;
};

/// Called on the thread of the server or client, one at a time; none may block.
struct websocket_events {
  std::function<void(std::string_view message, bool is_text)> message;
  /// Once, at the end, however it came: the code that the other side gave, 1006 where it gave none.
  std::function<void(int code, const std::string& reason)> closed;
};

struct websocket_limits {
  std::size_t message_bytes = 1 << 20;  ///< largest incoming one; beyond: close 1009
  std::size_t queue_bytes = 1 << 20;    ///< outgoing, waiting
  std::size_t queue_messages = 256;     ///< outgoing, waiting
  int silence_ms = 40'000;  ///< a ping after half of it, the end after all of it without a sign
  int write_ms = 10'000;    ///< for one message: a client that reads none of it is gone
  int close_ms = 3'000;     ///< for the goodbye
};

/// Where and how a client connects.
struct websocket_target {
  std::string url;          ///< ws://host:port/path?query or wss://…
  header_list headers;      ///< such as Authorization
  std::string subprotocol;  ///< offered; empty: none
  std::string ca_file;      ///< PEM to trust instead of the system's list; empty: the system's
  int connect_ms = 10'000;  ///< name, TCP, TLS and upgrade together
  websocket_limits limits;
};

/// Opens WebSocket connections to others. TLS is verified, the name included.
///
/// Threads: one of its own, on which every event is called. Its end cuts its connections; `closed` has
/// been called of each when the destructor returns.
class websocket_client {
 public:
  websocket_client();
  ~websocket_client();

  /// Called once: with the connection, or with why there is none (http.bad_url, http.no_connection).
  using opened = std::function<websocket_events(result<std::shared_ptr<websocket>>)>;
  void connect(websocket_target to, opened then);

  class impl;

 private:
  std::unique_ptr<impl> impl_;
};

}  // namespace hocket::http
