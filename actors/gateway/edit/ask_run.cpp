#include "actors/gateway/edit/ask_run.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace hocket::gateway {
namespace {

constexpr std::size_t most_bytes = 4 << 20;

/// Closes itself.
struct descriptor {
  int fd = -1;
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

std::string ask_run(const std::string& socket_path, const std::string& line, int limit_ms) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof to.sun_path) return {};
  std::memcpy(to.sun_path, socket_path.c_str(), socket_path.size() + 1);
  const descriptor s{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (s.fd < 0) return {};
  const timeval limit{limit_ms / 1000, (limit_ms % 1000) * 1000};
  setsockopt(s.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(s.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(s.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
  const auto asked = line + "\n";
  for (std::size_t sent = 0; sent < asked.size();) {
    const auto n = ::send(s.fd, asked.data() + sent, asked.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return {};
    sent += static_cast<std::size_t>(n);
  }
  std::string out;
  char block[16 * 1024];
  while (out.size() < most_bytes) {
    const auto n = ::recv(s.fd, block, sizeof block, 0);
    if (n <= 0) return {};
    out.append(block, static_cast<std::size_t>(n));
    if (out.back() == '\n') {
      out.pop_back();
      return out;
    }
  }
  return {};
}

}  // namespace hocket::gateway
