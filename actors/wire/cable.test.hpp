#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace hocket::wire::testing {

inline sockaddr_in local(int port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(static_cast<std::uint16_t>(port));
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

inline int listen_at(int port, int& got) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  auto a = local(port);
  if (bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0 || listen(fd, 16) != 0) {
    close(fd);
    return -1;
  }
  socklen_t size = sizeof a;
  getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size);
  got = ntohs(a.sin_port);
  return fd;
}

inline int connect_to(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto a = local(port);
  REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0);
  return fd;
}

/// A cable that a test can cut or block: passes TCP connections on to a port. One per lane.
class cable {
 public:
  explicit cable(int to) : to_(to) {
    listener_ = listen_at(0, port_);
    REQUIRE(listener_ >= 0);
    thread_ = std::thread([this] { loop(); });
  }
  ~cable() {
    stop_ = true;
    thread_.join();
    close(listener_);
  }
  int port() const { return port_; }
  /// All connections at once, once.
  void cut() {
    cut_ = true;
    while (cut_) std::this_thread::yield();
  }
  void block(bool on) { blocked_ = on; }  ///< half-open: nothing passes, nothing closes
  /// The same for what comes from the side that connects, alone.
  void block_forth(bool on) { blocked_forth_ = on; }

 private:
  struct way {
    int a, b;
  };
  void loop() {
    std::vector<way> ways;
    auto drop = [&](way& w) {
      close(w.a);
      close(w.b);
      w.a = -1;
    };
    while (!stop_) {
      if (cut_) {
        for (auto& w : ways) drop(w);
        cut_ = false;
      }
      std::erase_if(ways, [](const way& w) { return w.a < 0; });
      std::vector<pollfd> fds{{listener_, POLLIN, 0}};
      const bool blocked = blocked_;
      const short forth = blocked_forth_ ? 0 : POLLIN;
      if (!blocked)
        for (const auto& w : ways) fds.push_back({w.a, forth, 0}), fds.push_back({w.b, POLLIN, 0});
      poll(fds.data(), fds.size(), 5);
      for (std::size_t i = 0; !blocked && i < ways.size(); ++i)
        if (!pass(fds[1 + 2 * i], ways[i].b) || !pass(fds[2 + 2 * i], ways[i].a)) drop(ways[i]);
      if ((fds[0].revents & POLLIN) != 0) {
        const int a = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        const int b = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto to = local(to_);
        if (connect(b, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0)
          ways.push_back({a, b});
        else
          close(a), close(b);
      }
    }
    for (auto& w : ways)
      if (w.a >= 0) drop(w);
  }
  static bool pass(const pollfd& from, int to) {
    if (from.revents == 0) return true;
    char block[65536];
    const auto n = recv(from.fd, block, sizeof block, MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    for (ssize_t sent = 0; sent < n;) {
      const auto m = ::send(to, block + sent, static_cast<std::size_t>(n - sent), MSG_NOSIGNAL);
      if (m <= 0) return false;
      sent += m;
    }
    return true;
  }

  int to_, listener_ = -1, port_ = 0;
  std::atomic<bool> stop_{false}, cut_{false}, blocked_{false}, blocked_forth_{false};
  std::thread thread_;
};

}  // namespace hocket::wire::testing
