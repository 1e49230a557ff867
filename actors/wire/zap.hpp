#pragma once

#include <atomic>
#include <map>
#include <string>
#include <thread>

#include "actors/wire/zmq_socket.hpp"

namespace hocket::wire {

/// Answers ZeroMQ's question which peer may connect (ZAP, RFC 27): the keys of an allow-list, each
/// with the name that its messages then carry. All others are refused and counted. Threads: one of
/// its own, from construction to destruction.
class zap_handler {
 public:
  /// `allowed`: public key in Z85 -> name. Must be made before the first server socket binds.
  zap_handler(zmq_context& context, std::map<std::string, std::string> allowed);
  ~zap_handler();
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  void loop();
  void* socket_;
  void* stop_;
  void* stopped_;
  std::map<std::string, std::string> allowed_;
  std::atomic<std::uint64_t> refused_{0};
  std::thread thread_;
};

}  // namespace hocket::wire
