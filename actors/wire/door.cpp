#include "actors/wire/door.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace hocket::wire {

void door::accepted(int fd) {
  std::lock_guard lock(mutex_);
  std::erase(silent_, fd);
  known_.erase(fd);
  silent_.push_back(fd);
  while (silent_.size() > strangers_max_) {
    shut(silent_.front());
    silent_.pop_front();
  }
}

void door::closed(int fd) {
  std::lock_guard lock(mutex_);
  std::erase(silent_, fd);
  known_.erase(fd);
}

void door::spoke(int fd) {
  std::lock_guard lock(mutex_);
  if (known_.contains(fd) || std::erase(silent_, fd) == 0) return;
  known_.insert(fd);
}

std::size_t door::strangers() const {
  std::lock_guard lock(mutex_);
  return silent_.size();
}

void door::shut(int fd) const {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0) return;
  const auto port = at.ss_family == AF_INET    ? reinterpret_cast<const sockaddr_in&>(at).sin_port
                    : at.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(at).sin6_port
                                               : in_port_t{0};
  if (ntohs(port) == port_) ::shutdown(fd, SHUT_RDWR);
}

bool descriptors_left(int count) {
  std::vector<int> opened;
  while (static_cast<int>(opened.size()) < count) {
    const int fd = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) break;
    opened.push_back(fd);
  }
  for (const int fd : opened) ::close(fd);
  return static_cast<int>(opened.size()) == count;
}

void raise_descriptor_limit() {
  rlimit now{};
  if (getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur >= now.rlim_max) return;
  // Far above any run; some programs close all descriptors that they might have.
  now.rlim_cur = std::min<rlim_t>(now.rlim_max, 65'536);
  setrlimit(RLIMIT_NOFILE, &now);
}

}  // namespace hocket::wire
