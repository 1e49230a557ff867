#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string_view>

namespace hocket::wire {

/// Looks who takes connections at an address and closes them before a handshake: ZeroMQ greets at
/// once, and so its silence tells a forwarder or balancer whose backend is not there yet from a host
/// that has other keys. A plain connection of its own; never blocks. Threads: one at a time.
class who_answers {
 public:
  enum class verdict : std::uint8_t {
    unknown,   ///< not yet
    nobody,    ///< it closes, or could not be reached again: try again
    listener,  ///< ZeroMQ: it has other keys, or none
    stranger,  ///< another program: it says something else, or waits for something else
  };

  who_answers() = default;
  ~who_answers() { end(); }
  who_answers(const who_answers&) = delete;
  who_answers& operator=(const who_answers&) = delete;

  void begin(const sockaddr_storage& at, socklen_t size, std::int64_t now_ns);
  bool active() const { return fd_ >= 0; }
  /// Ends with the first verdict that is not `unknown`.
  verdict look(std::int64_t now_ns);
  void end();

  /// How often to look, and for how long: what waits longer for a first word is another program.
  static constexpr std::int64_t look_ns = 10'000'000, limit_ns = 500'000'000;

 private:
  int fd_ = -1;
  std::int64_t until_ns_ = 0;
};

}  // namespace hocket::wire
