// The floors of `hocket bench wire`: what the operating system and ZeroMQ cost without us.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <atomic>
#include <sstream>
#include <tuple>

#include "actors/wire/keys.hpp"
#include "actors/wire/shm_arena.hpp"
#include "actors/wire/wire_bench_parts.hpp"
#include "graph/core/assert.hpp"
#include "graph/core/clock.hpp"

namespace hocket::wire::bench {
namespace {

struct letterhead {
  order what = order::echo;
  std::int64_t sent_ns = 0;
  std::uint64_t size_bytes = 0;
};

/// A blocking way for messages in both directions. A size of ~0 says that the other end is gone.
class channel {
 public:
  virtual ~channel() = default;
  virtual void send(order what, std::span<const std::byte> bytes) = 0;
  virtual letterhead receive(std::vector<std::byte>& into) = 0;
  /// What size comes next: so much of it may wait to be sent as our credit allows.
  virtual void prepare(std::size_t) {}
  /// Tells the other end, where it cannot see by itself that this one is gone.
  virtual void finish() {}
};

class stream_channel final : public channel {
 public:
  explicit stream_channel(int fd) : fd_(fd) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~stream_channel() override { close(fd_); }

  void send(order what, std::span<const std::byte> bytes) override {
    letterhead h{what, monotonic_ns(), bytes.size()};
    iovec parts[] = {{&h, sizeof h}, {const_cast<std::byte*>(bytes.data()), bytes.size()}};
    msghdr m{};
    m.msg_iov = parts;
    m.msg_iovlen = 2;
    while (m.msg_iovlen > 0) {
      auto n = sendmsg(fd_, &m, MSG_NOSIGNAL);
      if (n < 0) return;
      while (m.msg_iovlen > 0 && static_cast<std::size_t>(n) >= m.msg_iov->iov_len) {
        n -= static_cast<ssize_t>(m.msg_iov->iov_len);
        ++m.msg_iov;
        --m.msg_iovlen;
      }
      if (m.msg_iovlen == 0) break;
      m.msg_iov->iov_base = static_cast<char*>(m.msg_iov->iov_base) + n;
      m.msg_iov->iov_len -= static_cast<std::size_t>(n);
    }
  }
  letterhead receive(std::vector<std::byte>& into) override {
    letterhead h;
    if (!fill(&h, sizeof h)) return {order::echo, 0, UINT64_MAX};
    into.resize(h.size_bytes);
    if (!fill(into.data(), into.size())) return {order::echo, 0, UINT64_MAX};
    return h;
  }

 private:
  bool fill(void* to, std::size_t size) {
    auto* at = static_cast<char*>(to);
    while (size > 0) {
      const auto n = recv(fd_, at, size, 0);
      if (n <= 0) return false;
      at += n;
      size -= static_cast<std::size_t>(n);
    }
    return true;
  }
  int fd_;
};

class zmq_channel final : public channel {
 public:
  /// `keys`: ours (secret, public) and, on the connecting side, the server's; empty: plaintext.
  explicit zmq_channel(const std::vector<std::string>& keys)
      : context_(zmq_ctx_new()), socket_(::zmq_socket(context_, ZMQ_DEALER)) {
    const int linger_ms = 500;
    zmq_setsockopt(socket_, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    if (keys.size() < 2) return;
    zmq_setsockopt(socket_, ZMQ_CURVE_SECRETKEY, keys[0].data(), keys[0].size());
    zmq_setsockopt(socket_, ZMQ_CURVE_PUBLICKEY, keys[1].data(), keys[1].size());
    const int server = 1;
    if (keys.size() == 2)
      zmq_setsockopt(socket_, ZMQ_CURVE_SERVER, &server, sizeof server);
    else
      zmq_setsockopt(socket_, ZMQ_CURVE_SERVERKEY, keys[2].data(), keys[2].size());
  }
  ~zmq_channel() override {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  std::string bind() {
    char text[256];
    std::size_t size = sizeof text;
    HOCKET_ASSERT(zmq_bind(socket_, "tcp://127.0.0.1:*") == 0);
    HOCKET_ASSERT(zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, text, &size) == 0);
    return text;
  }
  void connect(const std::string& where) {
    HOCKET_ASSERT(zmq_connect(socket_, where.c_str()) == 0);
  }

  /// The caller keeps the bytes until they are sent: the bench's contents live as long as it does.
  void send(order what, std::span<const std::byte> bytes) override {
    const letterhead h{what, monotonic_ns(), bytes.size()};
    zmq_send(socket_, &h, sizeof h, ZMQ_SNDMORE);
    if (bytes.size() < 1024) {
      zmq_send(socket_, bytes.data(), bytes.size(), 0);
      return;
    }
    zmq_msg_t m;
    zmq_msg_init_data(
        &m, const_cast<std::byte*>(bytes.data()), bytes.size(), [](void*, void*) {}, nullptr);
    zmq_msg_send(&m, socket_, 0);
  }
  void prepare(std::size_t size_bytes) override {
    const int most = static_cast<int>(
        std::clamp<std::size_t>((32u << 20) / std::max<std::size_t>(1, size_bytes), 4, 1000));
    zmq_setsockopt(socket_, ZMQ_SNDHWM, &most, sizeof most);
  }
  void finish() override {
    const letterhead h{order::reset, 0, UINT64_MAX};
    zmq_send(socket_, &h, sizeof h, ZMQ_SNDMORE);
    zmq_send(socket_, "", 0, 0);
  }
  letterhead receive(std::vector<std::byte>& into) override {
    letterhead h;
    if (zmq_recv(socket_, &h, sizeof h, 0) != sizeof h) return {order::echo, 0, UINT64_MAX};
    zmq_msg_t m;
    zmq_msg_init(&m);
    zmq_msg_recv(&m, socket_, 0);
    if (h.what == order::report || h.size_bytes == sizeof(report))
      into.assign(static_cast<std::byte*>(zmq_msg_data(&m)),
                  static_cast<std::byte*>(zmq_msg_data(&m)) + zmq_msg_size(&m));
    else
      into.resize(h.size_bytes == UINT64_MAX ? 0 : h.size_bytes);  // an echo sends as many back
    zmq_msg_close(&m);
    return h;
  }

 private:
  void* context_;
  void* socket_;
};

/// Four slots each way; a futex per slot and side. No thread spins.
class shm_channel final : public channel {
 public:
  static constexpr std::size_t slots = 4, slot_bytes = (4u << 20) + 4096;
  struct slot {
    std::atomic<std::uint32_t> full;
    letterhead head;
    alignas(64) std::byte bytes[slot_bytes];
  };
  static std::size_t total_bytes() { return 2 * slots * sizeof(slot); }

  shm_channel(int fd, bool parent) {
    void* base = mmap(nullptr, total_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    HOCKET_ASSERT(base != MAP_FAILED);
    out_ = static_cast<slot*>(base) + (parent ? 0 : slots);
    in_ = static_cast<slot*>(base) + (parent ? slots : 0);
    base_ = base;
  }
  ~shm_channel() override { munmap(base_, total_bytes()); }

  void send(order what, std::span<const std::byte> bytes) override {
    auto& s = out_[sent_++ % slots];
    const auto now = monotonic_ns();
    while (s.full.load() != 0) futex_wait(s.full, 1, 1'000'000'000);
    s.head = {what, now, bytes.size()};
    if (!bytes.empty() && bytes.size() <= slot_bytes)
      std::memcpy(s.bytes, bytes.data(), bytes.size());
    s.full.store(1);
    futex_wake(s.full);
  }
  void finish() override {
    auto& s = out_[sent_++ % slots];
    while (s.full.load() != 0) futex_wait(s.full, 1, 1'000'000'000);
    s.head = {order::reset, 0, UINT64_MAX};
    s.full.store(1);
    futex_wake(s.full);
  }
  /// Reads in place: only reports are copied out.
  letterhead receive(std::vector<std::byte>& into) override {
    auto& s = in_[received_++ % slots];
    while (s.full.load() != 1) futex_wait(s.full, 0, 1'000'000'000);
    const auto h = s.head;
    if (h.size_bytes <= slot_bytes) {
      into.resize(h.size_bytes);
      if (h.size_bytes == sizeof(report)) std::memcpy(into.data(), s.bytes, sizeof(report));
    }
    s.full.store(0);
    futex_wake(s.full);
    return h;
  }

 private:
  void* base_;
  slot *out_, *in_;
  std::uint64_t sent_ = 0, received_ = 0;
};

class floor_pair final : public wire_pair {
 public:
  floor_pair(std::unique_ptr<channel> c, pid_t child) : channel_(std::move(c)), child_(child) {}
  ~floor_pair() override {
    channel_->finish();
    channel_.reset();
    wait_for(child_);
  }

  wire_result measure(std::size_t size, double seconds) override {
    contents what(size);
    channel_->prepare(size);
    wire_result r;
    std::vector<std::int64_t> ns;
    // The other process may still be starting: its first answers are not timed.
    for (int i = 0; i < 20; ++i) {
      channel_->send(order::echo, what.next().bytes());
      channel_->receive(block_);
    }
    const auto until = monotonic_ns() + static_cast<std::int64_t>(seconds * 1e9);
    for (auto now = monotonic_ns(); now < until;) {
      const auto bytes = what.next().bytes();
      const auto sent = monotonic_ns();
      channel_->send(order::echo, bytes);
      channel_->receive(block_);
      now = monotonic_ns();
      ns.push_back((now - sent) / 2);
    }
    r.ping = wire_times::of(std::move(ns));
    channel_->send(order::reset, what.next().bytes());
    pace(seconds, size, [&] { channel_->send(order::time, what.next().bytes()); });
    r.paced = ask().times;
    channel_->send(order::reset, what.next().bytes());
    const auto cpu = cpu_ns(), began = monotonic_ns();
    while (static_cast<double>(monotonic_ns() - began) < seconds * 1e9)
      channel_->send(order::count, what.next().bytes());
    const auto found = ask();
    const auto n = static_cast<double>(found.count);
    r.packets_per_s = n * 1e9 / static_cast<double>(monotonic_ns() - began);
    r.cpu_us_per_packet = static_cast<double>(cpu_ns() - cpu + found.cpu_ns) / n / 1e3;
    return r;
  }

 private:
  report ask() {
    channel_->send(order::report, {});
    channel_->receive(block_);
    HOCKET_ASSERT(block_.size() == sizeof(report));
    report r;
    std::memcpy(&r, block_.data(), sizeof r);
    return r;
  }

  std::unique_ptr<channel> channel_;
  pid_t child_;
  std::vector<std::byte> block_;
};

/// A connected pair of TCP sockets over loopback.
std::pair<int, int> tcp_pair() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof a;
  auto* where = reinterpret_cast<sockaddr*>(&a);
  HOCKET_ASSERT(bind(listener, where, size) == 0 && listen(listener, 1) == 0);
  HOCKET_ASSERT(getsockname(listener, where, &size) == 0);
  const int near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  HOCKET_ASSERT(connect(near, where, size) == 0);
  const int far = accept(listener, nullptr, nullptr);
  close(listener);
  return {near, far};
}

/// Our end and the descriptor for the other, or for ZeroMQ an address.
struct opened {
  std::unique_ptr<channel> near;
  std::string where;
  int far = -1;
};

opened open_floor(wire_kind k) {
  opened o;
  if (k == wire_kind::floor_tcp || k == wire_kind::floor_unix) {
    int both[2];
    HOCKET_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) == 0);
    int near = both[0];
    o.far = dup(both[1]);
    close(both[1]);
    if (k == wire_kind::floor_tcp) {
      close(near);
      close(o.far);
      std::tie(near, o.far) = tcp_pair();
    }
    o.near = std::make_unique<stream_channel>(near);
  } else if (k == wire_kind::floor_shm) {
    o.far = memfd_create("hocket-bench", 0);
    HOCKET_ASSERT(ftruncate(o.far, static_cast<off_t>(shm_channel::total_bytes())) == 0);
    o.near = std::make_unique<shm_channel>(o.far, true);
  } else {
    const auto ours = *make_keys(), theirs = *make_keys();
    const bool curve = k == wire_kind::floor_zmq_curve;
    auto c = std::make_unique<zmq_channel>(
        curve ? std::vector{std::string(ours.secret_key.exposed()), ours.public_key}
              : std::vector<std::string>());
    o.where = c->bind();
    if (curve)
      o.where += " " + std::string(theirs.secret_key.exposed()) + " " + theirs.public_key + " " +
                 ours.public_key;
    o.near = std::move(c);
  }
  if (o.far >= 0) o.where = std::to_string(o.far);
  return o;
}

}  // namespace

result<std::unique_ptr<wire_pair>> start_floor(wire_kind k) {
  auto o = open_floor(k);
  const auto child = spawn_end(std::string(to_string(k)) + " " + o.where);
  if (o.far >= 0) close(o.far);
  if (!child) return fail(child);
  return std::make_unique<floor_pair>(std::move(o.near), *child);
}

int serve_floor(wire_kind k, const std::string& where) {
  std::istringstream words(where);
  std::vector<std::string> w;
  for (std::string word; words >> word;) w.push_back(word);
  if (w.empty()) return 2;
  std::unique_ptr<channel> c;
  if (k == wire_kind::floor_shm) {
    c = std::make_unique<shm_channel>(std::stoi(w[0]), false);
  } else if (k == wire_kind::floor_tcp || k == wire_kind::floor_unix) {
    c = std::make_unique<stream_channel>(std::stoi(w[0]));
  } else {
    auto z = std::make_unique<zmq_channel>(std::vector<std::string>(w.begin() + 1, w.end()));
    z->connect(w[0]);
    c = std::move(z);
  }
  notes noted;
  std::vector<std::byte> block;
  for (;;) {
    const auto h = c->receive(block);
    if (h.size_bytes == UINT64_MAX) return 0;
    noted.take(h.what, h.sent_ns);
    if (h.what == order::echo) c->send(order::echo, block);
    if (h.what == order::report) {
      const auto r = noted.close();
      c->send(order::echo, std::as_bytes(std::span(&r, 1)));
    }
  }
}

}  // namespace hocket::wire::bench
