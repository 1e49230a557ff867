// Messages between the server and its workers as packets.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "graph/contract/component.hpp"

namespace hocket::tinker {

/// Of the packets between them: bytes.
inline constexpr media_type work_media() {
  return {.kind = payload_kind::tensor, .element = dtype::u8, .shape = {-1}};
}
/// Empty: it is no such packet.
std::string_view bytes_of(const packet& p);
/// A queue that is never full: a worker has 64 requests at a time, in and out of at most 32 packets each. So
/// two actors that send to each other never wait for each other.
inline constexpr queue_spec work_queue{.size = 2048, .full = full_policy::block};

/// Sends packets out of one port from any thread, to the conversation in which the other side was last heard
/// (shared actors speak in all of them at once, and each packet would come several times). *Threads*: any.
class work_sender {
 public:
  /// `small_to_all`: packets of up to 4 KiB go to all, so that one side finds the other again when a
  /// conversation is over.
  work_sender(const context& where, std::size_t port, bool small_to_all);
  void send(std::string piece) const;
  void heard_in(session_id session) const;

 private:
  std::shared_ptr<mailbox_handle> self_;
  const clock* time_;
  std::size_t port_;
  bool small_to_all_;
  struct place {
    std::mutex mutex;
    session_id session = session_id::none;
  };
  std::shared_ptr<place> place_ = std::make_shared<place>();
};

}  // namespace hocket::tinker
