#include "actors/wire/letter_book.hpp"

#include <fmt/format.h>

#include "actors/wire/node.hpp"

namespace hocket::wire {

const host_letter* letter_book::write(host_message m, std::uint64_t after_seq) {
  if (unconfirmed_.size() >= unconfirmed_max) return nullptr;
  unconfirmed_.push_back({next_++, after_seq, std::move(m)});
  return &unconfirmed_.back();
}

result<void> letter_book::ack(const letter_ack& a) {
  if (a.next > next_)
    return fail(wire_error::malformed,
                fmt::format("{} host messages confirmed of {}", a.next, next_));
  while (!unconfirmed_.empty() && unconfirmed_.front().seq < a.next) unconfirmed_.pop_front();
  return {};
}

result<bool> letter_book::arrived(const host_letter& l) {
  if (l.seq < expected_) return false;
  if (l.seq > expected_)
    return fail(wire_error::malformed,
                fmt::format("host message {} came where {} was next", l.seq, expected_));
  ++expected_;
  return true;
}

}  // namespace hocket::wire
