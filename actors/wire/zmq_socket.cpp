#include "actors/wire/zmq_socket.hpp"

#include <zmq.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "actors/wire/node.hpp"
#include "graph/core/assert.hpp"

namespace hocket::wire {
namespace {

void set(void* socket, int option, int value) {
  HOCKET_ASSERT(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}
void set(void* socket, int option, const std::string& value) {
  HOCKET_ASSERT(zmq_setsockopt(socket, option, value.data(), value.size()) == 0);
}

/// What ZeroMQ holds of ours until it is on the network. Its thread deletes it; `given` orders that
/// after all that our thread did with it, where ZeroMQ's own hand-over is not to be seen: Debian's
/// library is not built with ThreadSanitizer. A plain store and load on x86.
template <class T>
struct lent {
  T what;
  std::atomic<bool> given{false};

  /// `bytes` lie in `what` or live as long.
  static void give(zmq_msg_t& m, lent* l, std::span<const std::byte> bytes) {
    l->given.store(true, std::memory_order_release);
    // ZeroMQ takes a mutable pointer and only reads.
    HOCKET_ASSERT(
        zmq_msg_init_data(&m, const_cast<std::byte*>(bytes.data()), bytes.size(), release, l) == 0);
  }
  static void release(void*, void* self) {
    auto* l = static_cast<lent*>(self);
    HOCKET_ASSERT(l->given.load(std::memory_order_acquire));
    delete l;
  }
};

/// Below this, copying is cheaper than a second allocation for the owner.
constexpr std::size_t copied_bytes = 256;
/// Messages taken at once hold no more than this and the last of them.
constexpr std::size_t receive_bytes = 8u << 20;
/// Messages of one connection that ZeroMQ keeps for us; then TCP holds up the sender.
constexpr int waiting_messages = 128;

void to_message(zmq_msg_t& m, std::string&& text) {
  if (text.size() <= copied_bytes) {
    HOCKET_ASSERT(zmq_msg_init_size(&m, text.size()) == 0);
    std::memcpy(zmq_msg_data(&m), text.data(), text.size());
    return;
  }
  auto* owner = new lent<std::string>{std::move(text)};
  owner->give(m, owner, std::as_bytes(std::span(owner->what)));
}

void to_message(zmq_msg_t& m, const buffer& b) {
  const auto bytes = b.bytes();
  if (bytes.size() <= copied_bytes) {
    HOCKET_ASSERT(zmq_msg_init_size(&m, bytes.size()) == 0);
    if (!bytes.empty()) std::memcpy(zmq_msg_data(&m), bytes.data(), bytes.size());
    return;
  }
  auto* owner = new lent<buffer>{b};
  owner->give(m, owner, bytes);
}

/// A received frame that lives as long as its buffer.
struct owned_message {
  zmq_msg_t message;
  owned_message() { zmq_msg_init(&message); }
  ~owned_message() { zmq_msg_close(&message); }
};

}  // namespace

zmq_context::zmq_context() : context_(zmq_ctx_new()) { HOCKET_ASSERT(context_ != nullptr); }
zmq_context::~zmq_context() { zmq_ctx_term(context_); }

zmq_socket::zmq_socket(zmq_context& context, kind k, std::size_t frame_bytes_max,
                       const zmq_security& how, const std::string& routing_id)
    : context_(context), kind_(k) {
  socket_ = ::zmq_socket(context.get(), k == kind::router ? ZMQ_ROUTER : ZMQ_DEALER);
  HOCKET_ASSERT(socket_ != nullptr);
  set(socket_, ZMQ_LINGER, 0);
  // Credit bounds what waits here; a full queue that drops or blocks would only hide it.
  set(socket_, ZMQ_SNDHWM, 0);
  set(socket_, ZMQ_RCVHWM, waiting_messages);
  const auto most = static_cast<std::int64_t>(frame_bytes_max);
  HOCKET_ASSERT(zmq_setsockopt(socket_, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0);
  set(socket_, ZMQ_HANDSHAKE_IVL, 2000);
  if (k == kind::router) {
    set(socket_, ZMQ_ROUTER_MANDATORY, 1);
  } else {
    // We connect anew ourselves, with a new socket: nothing of an old connection can come late.
    set(socket_, ZMQ_RECONNECT_IVL, -1);
    set(socket_, ZMQ_ROUTING_ID, routing_id);
  }
  if (how.secret_key.empty()) return;
  const auto key = how.secret_key.exposed();  // ZeroMQ keeps a copy of its own, decoded
  HOCKET_ASSERT(zmq_setsockopt(socket_, ZMQ_CURVE_SECRETKEY, key.data(), key.size()) == 0);
  set(socket_, ZMQ_CURVE_PUBLICKEY, how.public_key);
  if (how.server_key.empty()) {
    set(socket_, ZMQ_CURVE_SERVER, 1);
    set(socket_, ZMQ_ZAP_DOMAIN, std::string("hocket"));
  } else {
    set(socket_, ZMQ_CURVE_SERVERKEY, how.server_key);
  }
}

zmq_socket::~zmq_socket() {
  if (monitor_ != nullptr) {
    zmq_socket_monitor(socket_, nullptr, 0);
    zmq_close(monitor_);
  }
  zmq_close(socket_);
}

result<std::string> zmq_socket::bind(const std::string& where) {
  // Not always: with it, ZeroMQ reports 127.0.0.1 as ::ffff:127.0.0.1.
  set(socket_, ZMQ_IPV6, where.find('[') != std::string::npos ? 1 : 0);
  if (zmq_bind(socket_, where.c_str()) != 0)
    return fail(wire_error::cannot_listen,
                fmt::format("cannot listen at {}: {}", where, zmq_strerror(zmq_errno())));
  char text[256];
  std::size_t size = sizeof text;
  HOCKET_ASSERT(zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, text, &size) == 0);
  return std::string(text);
}

result<void> zmq_socket::connect(const std::string& where) {
  set(socket_, ZMQ_IPV6, 1);  // names may have such addresses only
  if (zmq_connect(socket_, where.c_str()) == 0) return {};
  return fail(wire_error::bad_address,
              fmt::format("cannot connect to {}: {}", where, zmq_strerror(zmq_errno())));
}

bool zmq_socket::send(const std::string& route, std::string&& head, std::span<const buffer> bulk) {
  // Only the first part can fail for want of a receiver or of room; the rest follows it.
  if (kind_ == kind::router &&
      zmq_send(socket_, route.data(), route.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
    return false;
  zmq_msg_t m;
  to_message(m, std::move(head));
  if (zmq_msg_send(&m, socket_, ZMQ_DONTWAIT | (bulk.empty() ? 0 : ZMQ_SNDMORE)) < 0) {
    zmq_msg_close(&m);
    return false;
  }
  for (std::size_t i = 0; i < bulk.size(); ++i) {
    to_message(m, bulk[i]);
    if (zmq_msg_send(&m, socket_, ZMQ_DONTWAIT | (i + 1 < bulk.size() ? ZMQ_SNDMORE : 0)) < 0) {
      zmq_msg_close(&m);
      return false;
    }
  }
  return true;
}

std::optional<zmq_parts> zmq_socket::receive() {
  zmq_parts parts;
  bool first = true;
  for (;;) {
    auto owner = std::make_shared<owned_message>();
    auto* m = &owner->message;
    if (zmq_msg_recv(m, socket_, ZMQ_DONTWAIT) < 0) return {};
    const auto* data = static_cast<const std::byte*>(zmq_msg_data(m));
    const auto size = zmq_msg_size(m);
    const bool more = zmq_msg_more(m) != 0;
    if (first && guard_) guard_->spoke(zmq_msg_get(m, ZMQ_SRCFD));
    if (first && kind_ == kind::router) {
      parts.route.assign(reinterpret_cast<const char*>(data), size);
    } else {
      if (parts.frames.empty())
        if (const char* user = zmq_msg_gets(m, "User-Id")) parts.user = user;
      parts.frames.push_back(buffer::share(std::move(owner), {data, size}));
    }
    first = false;
    if (!more) return parts;
  }
}

void zmq_socket::limit_unsent(int messages) { set(socket_, ZMQ_SNDHWM, messages); }

void zmq_socket::linger(int ms) { set(socket_, ZMQ_LINGER, ms); }

int zmq_socket::fd() const {
  int fd = -1;
  std::size_t size = sizeof fd;
  HOCKET_ASSERT(zmq_getsockopt(socket_, ZMQ_FD, &fd, &size) == 0);
  return fd;
}

bool zmq_socket::readable() const {
  int events = 0;
  std::size_t size = sizeof events;
  return zmq_getsockopt(socket_, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN) != 0;
}

void zmq_socket::watch(std::unique_ptr<door> guard) {
  guard_ = std::move(guard);
  static std::atomic<std::uint64_t> count{0};
  const auto name = fmt::format("inproc://watch-{}", count++);
  HOCKET_ASSERT(zmq_socket_monitor(socket_, name.c_str(),
                                   ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                                       (guard_ ? ZMQ_EVENT_ACCEPTED : 0) | ZMQ_EVENT_DISCONNECTED |
                                       ZMQ_EVENT_CLOSED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                                       ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                       ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) == 0);
  monitor_ = ::zmq_socket(context_.get(), ZMQ_PAIR);
  set(monitor_, ZMQ_LINGER, 0);
  HOCKET_ASSERT(zmq_connect(monitor_, name.c_str()) == 0);
}

int zmq_socket::watch_fd() const {
  int fd = -1;
  std::size_t size = sizeof fd;
  HOCKET_ASSERT(zmq_getsockopt(monitor_, ZMQ_FD, &fd, &size) == 0);
  return fd;
}

std::optional<zmq_socket::event> zmq_socket::next_event() {
  if (monitor_ == nullptr) return {};
  std::uint8_t first[6] = {};
  if (zmq_recv(monitor_, first, sizeof first, ZMQ_DONTWAIT) < 0) return {};
  char address[256];
  zmq_recv(monitor_, address, sizeof address, ZMQ_DONTWAIT);
  std::uint16_t what = 0;
  std::int32_t fd = -1;
  std::memcpy(&what, first, sizeof what);
  std::memcpy(&fd, first + sizeof what, sizeof fd);
  if (guard_ && what == ZMQ_EVENT_ACCEPTED) guard_->accepted(fd);
  if (guard_ && (what == ZMQ_EVENT_DISCONNECTED || what == ZMQ_EVENT_CLOSED)) guard_->closed(fd);
  switch (what) {
    case ZMQ_EVENT_CONNECTED: {
      socklen_t size = sizeof connected_to_;
      if (getpeername(fd, reinterpret_cast<sockaddr*>(&connected_to_), &size) != 0)
        connected_to_.ss_family = AF_UNSPEC;
      return event::connected;
    }
    case ZMQ_EVENT_ACCEPTED: return event::connected;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return event::handshaken;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return event::refused_key;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: return event::bad_handshake;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return event::cut_handshake;
    default: return event::disconnected;
  }
}

bool shared_socket::send(const std::string& route, std::string&& head,
                         std::span<const buffer> bulk) {
  bool sent = false, look = false;
  {
    std::lock_guard lock(mutex_);
    sent = socket_->send(route, std::move(head), bulk);
    look = socket_->readable();
  }
  if (look) wake_();
  return sent;
}

std::vector<zmq_parts> shared_socket::receive(std::size_t most) {
  std::vector<zmq_parts> out;
  std::size_t bytes = 0;
  std::lock_guard lock(mutex_);
  while (out.size() < most && bytes < receive_bytes) {
    auto parts = socket_->receive();
    if (!parts) break;
    for (const auto& f : parts->frames) bytes += f.size_bytes();
    out.push_back(std::move(*parts));
  }
  return out;
}

}  // namespace hocket::wire
