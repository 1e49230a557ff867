#include "actors/observe/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace hocket::observe {
namespace {
// Each line of a datagram is a variable of its own.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}
}  // namespace

service_manager service_manager::from_environment() {
  const auto text = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value != nullptr ? value : "");
  };
  const auto pid = text("WATCHDOG_PID");
  const bool ours = pid.empty() || pid == std::to_string(getpid());
  const auto period = text("WATCHDOG_USEC");
  return {text("NOTIFY_SOCKET"), ours ? std::strtoll(period.c_str(), nullptr, 10) : 0};
}

void service_manager::ready(const std::string& status) {
  send("READY=1\nSTATUS=" + one_line(status), true);
  is_ready_ = true;
}

void service_manager::alive(std::int64_t now_ns) {
  if (watchdog_us_ <= 0 || !is_ready_) return;
  if (last_ns_ != 0 && now_ns - last_ns_ < watchdog_us_ * 1000 / 3) return;
  last_ns_ = now_ns;
  send("WATCHDOG=1", false);
}

void service_manager::stopping(const std::string& status) {
  send("STOPPING=1\nSTATUS=" + one_line(status), true);
}

void service_manager::send(const std::string& state, bool patient) const {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (socket_.size() < 2 || socket_.size() >= sizeof to.sun_path) return;
  std::memcpy(to.sun_path, socket_.data(), socket_.size());
  if (socket_[0] == '@') to.sun_path[0] = '\0';  // in the abstract namespace
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  (void)!sendto(fd, state.data(), state.size(), MSG_NOSIGNAL | (patient ? 0 : MSG_DONTWAIT),
                reinterpret_cast<const sockaddr*>(&to), length);
  close(fd);
}

}  // namespace hocket::observe
