#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "actors/wire/door.hpp"
#include "graph/core/buffer.hpp"
#include "graph/core/result.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::wire {

/// One ZeroMQ context with its threads; ends when the last socket is closed.
class zmq_context {
 public:
  zmq_context();
  ~zmq_context();
  zmq_context(const zmq_context&) = delete;
  zmq_context& operator=(const zmq_context&) = delete;
  void* get() const { return context_; }

 private:
  void* context_;
};

/// A message as it came off a socket.
struct zmq_parts {
  std::string route;  ///< ROUTER only: the sender
  std::string user;   ///< the name that authentication gave to the sender; "" without
  std::vector<buffer> frames;
};

/// How a socket proves its identity.
struct zmq_security {
  trust::shared_secret secret_key;  ///< ours; "": plaintext
  std::string public_key;
  std::string server_key;  ///< theirs, on the connecting side; "": we are the server
};

/// A ROUTER or DEALER socket, never blocking. Threads: one at a time (see shared_socket).
class zmq_socket {
 public:
  enum class kind : std::uint8_t { router, dealer };
  zmq_socket(zmq_context& context, kind k, std::size_t frame_bytes_max, const zmq_security& how,
             const std::string& routing_id);
  ~zmq_socket();
  zmq_socket(const zmq_socket&) = delete;
  zmq_socket& operator=(const zmq_socket&) = delete;

  /// Errors: wire.cannot_listen, with the address and the reason.
  result<std::string> bind(const std::string& where);
  /// Errors: wire.bad_address. A peer that does not answer is no error here.
  result<void> connect(const std::string& where);

  /// Bulk frames are shared, not copied, and live until they are written to the network.
  /// False: the receiver is gone or its queue is full; then nothing was sent.
  bool send(const std::string& route, std::string&& head, std::span<const buffer> bulk = {});
  std::optional<zmq_parts> receive();

  /// Before bind(): how many messages may wait for one receiver; send() is false then. For a socket
  /// that answers strangers, which may ask and never read.
  void limit_unsent(int messages);
  /// On closing, what was sent last (a goodbye) gets this long to leave.
  void linger(int ms = 200);

  /// Becomes readable when something may have happened; edge-triggered: receive() until it gives
  /// nothing before waiting again.
  int fd() const;
  bool readable() const;

  /// What happened to the connection below, one at a time.
  enum class event : std::uint8_t {
    connected,
    handshaken,
    disconnected,
    refused_key,
    bad_handshake,
    cut_handshake,  ///< the other side closed, and said nothing of why
  };
  /// Begins to watch; its fd becomes readable on events. A listening socket's `guard` learns who comes,
  /// goes and speaks.
  void watch(std::unique_ptr<door> guard = nullptr);
  int watch_fd() const;
  std::optional<event> next_event();
  /// Where the newest connection leads that this side made; family 0: not known.
  const sockaddr_storage& connected_to() const { return connected_to_; }

 private:
  zmq_context& context_;
  sockaddr_storage connected_to_{};
  void* socket_ = nullptr;
  void* monitor_ = nullptr;
  std::unique_ptr<door> guard_;
  kind kind_;
};

/// A socket that several threads use: any thread sends, one receives.
///
/// A send can swallow the edge by which fd() tells that something arrived; then it calls `wake`,
/// and the receiving thread looks again.
class shared_socket {
 public:
  template <class Wake>
  shared_socket(std::unique_ptr<zmq_socket> s, Wake wake)
      : socket_(std::move(s)), wake_(std::move(wake)) {}

  bool send(const std::string& route, std::string&& head, std::span<const buffer> bulk);
  /// Takes up to `most` messages at once.
  std::vector<zmq_parts> receive(std::size_t most);
  int fd() const { return socket_->fd(); }
  /// For set-up and events, by the receiving thread; not for messages.
  zmq_socket& bare() { return *socket_; }

 private:
  std::mutex mutex_;
  std::unique_ptr<zmq_socket> socket_;
  std::function<void()> wake_;
};

}  // namespace hocket::wire
