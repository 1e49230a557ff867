#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "actors/distributed/fwd.hpp"
#include "actors/distributed/received.hpp"
#include "actors/distributed/transport.hpp"
#include "graph/spec/partition.hpp"

namespace hocket::distributed {

/// The transport, with a count of what was sent over each channel: rounds of virtual time wait
/// until all of it has arrived.
///
/// Threads: any, between open() and close(). Its mutex is a leaf; the transport is called without.
class counted_wire {
 public:
  void open(std::unique_ptr<transport> made) { wire_ = std::move(made); }
  /// Ends the transport's threads; nothing arrives any more.
  void close() { wire_.reset(); }
  bool is_open() const { return wire_ != nullptr; }
  transport& wire() const { return *wire_; }

  /// `peer`: its place in the plan's `hosts`.
  wire::sent_how send(std::size_t peer, std::uint32_t link, const packet& p);
  /// False: the wire does not take it (see wire::node::send_control).
  bool send_message(std::size_t peer, const std::string& name, wire::host_message m);
  /// A receiver has room for `n` more packets of the link.
  void give_credit(std::uint32_t link, std::uint32_t n) const {
    if (n > 0 && wire_) wire_->consumed(link, n);
  }
  /// Packets and messages that went out, by receiver and channel.
  channel_counts sent() const;

 private:
  std::unique_ptr<transport> wire_;
  mutable std::mutex mutex_;
  channel_counts sent_;
};

}  // namespace hocket::distributed
