#include "actors/distributed/counted_wire.hpp"

#include <utility>

namespace hocket::distributed {

wire::sent_how counted_wire::send(std::size_t peer, std::uint32_t link, const packet& p) {
  const auto how = wire_->send(link, p);
  if (how == wire::sent_how::sent) {
    std::lock_guard lock(mutex_);
    ++sent_[{peer, link, wire::channel_kind::packets}];
  }
  return how;
}

bool counted_wire::send_message(std::size_t peer, const std::string& name, wire::host_message m) {
  const ordered_channel channel{peer, m.link, ordered_channel::of(m)};
  if (!wire_->send_control(name, std::move(m))) return false;
  std::lock_guard lock(mutex_);
  ++sent_[channel];
  return true;
}

channel_counts counted_wire::sent() const {
  std::lock_guard lock(mutex_);
  return sent_;
}

}  // namespace hocket::distributed
