#include "actors/wire/host_message_log.hpp"

#include <fmt/format.h>

#include "actors/wire/node.hpp"

namespace hocket::wire {

const numbered_message* host_message_log::write(host_message m, std::uint64_t after_seq) {
  if (unconfirmed_.size() >= unconfirmed_max) return nullptr;
  unconfirmed_.push_back({next_++, after_seq, std::move(m)});
  return &unconfirmed_.back();
}

result<void> host_message_log::ack(const message_ack& a) {
  if (a.next > next_)
    return fail(wire_error::malformed,
                fmt::format("{} host messages confirmed of {}", a.next, next_));
  while (!unconfirmed_.empty() && unconfirmed_.front().seq < a.next) unconfirmed_.pop_front();
  return {};
}

result<bool> host_message_log::arrived(const numbered_message& l) {
  if (l.seq < expected_) return false;
  if (l.seq > expected_)
    return fail(wire_error::malformed,
                fmt::format("host message {} came where {} was next", l.seq, expected_));
  ++expected_;
  return true;
}

}  // namespace hocket::wire
