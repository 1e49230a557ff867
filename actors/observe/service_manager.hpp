#pragma once

#include <cstdint>
#include <string>

namespace hocket::observe {

/// Tells the service manager how the run is: the datagrams of sd_notify(3), without its library.
/// Does nothing where nobody asked ($NOTIFY_SOCKET is not set).
///
/// Threads: one at a time.
/// Source: sd_notify(3), sd_watchdog_enabled(3).
class service_manager {
 public:
  /// From $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID.
  static service_manager from_environment();
  /// `watchdog_us` 0: it does not watch.
  service_manager(std::string socket, std::int64_t watchdog_us)
      : socket_(std::move(socket)), watchdog_us_(watchdog_us) {}

  bool listens() const { return !socket_.empty(); }
  void ready(const std::string& status);
  /// Called often while the run answers; sends a sign of life three times per watchdog period.
  void alive(std::int64_t now_ns);
  void stopping(const std::string& status);

 private:
  void send(const std::string& state, bool patient) const;

  std::string socket_;
  std::int64_t watchdog_us_ = 0;
  std::int64_t last_ns_ = 0;
  bool is_ready_ = false;
};

}  // namespace hocket::observe
