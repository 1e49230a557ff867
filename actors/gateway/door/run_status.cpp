#include "actors/gateway/door/run_status.hpp"

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

void run_status::start(std::string socket_path, told then) {
  path_ = std::move(socket_path);
  told_ = std::move(then);
}

void run_status::ask() {
  std::lock_guard lock(mutex_);
  if (is_over_ || !told_) return;
  is_wanted_ = true;
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  wanted_.notify_one();
}

void run_status::stop() {
  {
    std::lock_guard lock(mutex_);
    is_over_ = true;
    wanted_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void run_status::work() {
  for (std::unique_lock lock(mutex_);;) {
    wanted_.wait(lock, [this] { return is_wanted_ || is_over_; });
    if (is_over_) return;
    is_wanted_ = false;
    lock.unlock();
    if (auto answer = question(); !answer.empty()) told_(std::move(answer));
    lock.lock();
  }
}

/// The line that the run answers with; empty where it does not.
std::string run_status::question() const {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path_.size() >= sizeof to.sun_path) return {};
  std::memcpy(to.sun_path, path_.c_str(), path_.size() + 1);
  const descriptor s{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (s.fd < 0) return {};
  const timeval limit{1, 0};
  setsockopt(s.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(s.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(s.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
  constexpr std::string_view asked = "status\n";
  if (::send(s.fd, asked.data(), asked.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(asked.size()))
    return {};
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
