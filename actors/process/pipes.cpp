#include "actors/process/pipes.hpp"

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "graph/core/clock.hpp"

namespace hocket::process {
namespace {

/// Waits until the descriptor can be used; false: the time is up.
bool await(int fd, short what, std::int64_t until_ns) {
  for (;;) {
    int wait_ms = -1;
    if (until_ns >= 0)
      wait_ms = static_cast<int>(
          std::clamp<std::int64_t>((until_ns - monotonic_ns() + 999'999) / 1'000'000, 0, 60'000));
    pollfd one{fd, what, 0};
    const int n = ::poll(&one, 1, wait_ms);
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) return true;  // the call that follows says what it is
    if (until_ns >= 0 && monotonic_ns() >= until_ns) return false;
  }
}

}  // namespace

void answer_wait::call_sent() {
  sent_ns_ = monotonic_ns();
  is_first_ = true;
}

// Between two looks whoever waits for this core gets it.
void answer_wait::look(int fd, std::int64_t until_ns) const {
  if (budget_.ns() == 0 || !choice_.looks()) return;
  auto end = sent_ns_ + budget_.ns();
  if (until_ns >= 0) end = std::min(end, until_ns);
  while (monotonic_ns() < end) {
    pollfd one{fd, POLLIN, 0};
    if (::poll(&one, 1, 0) != 0) return;
    ::sched_yield();
  }
}

// Counted from the call, so that the end of a long one, which comes soon behind what it emitted last,
// does not make the next one be looked for.
void answer_wait::came() {
  if (sent_ns_ == 0) return;
  const auto took = monotonic_ns() - sent_ns_;
  if (std::exchange(is_first_, false) && budget_.ns() > 0) choice_.waited(took);
  budget_.waited(took);
}

bool frame_reader::is_over(std::int64_t until_ns) {
  return until_ns >= 0 && monotonic_ns() >= until_ns;
}

pipe_end frame_reader::parsed(frame& into) {
  std::size_t used = 0;
  auto got = parse_frame({bytes_.data() + begin_, end_ - begin_}, used);
  if (!got) {
    why_ = got.error().message;
    return pipe_end::malformed;
  }
  if (!*got) return pipe_end::timed_out;
  into = std::move(**got);
  begin_ += used;
  return pipe_end::fine;
}

pipe_end frame_reader::fill(std::int64_t until_ns) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == bytes_.size()) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (end_ == bytes_.size()) bytes_.resize(bytes_.size() * 2);
  }
  answers_.look(fd_, until_ns);
  if (until_ns >= 0 && !await(fd_, POLLIN, until_ns)) return pipe_end::timed_out;
  const auto n = ::read(fd_, bytes_.data() + end_, bytes_.size() - end_);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return pipe_end::fine;
  if (n <= 0) return pipe_end::closed;
  end_ += static_cast<std::size_t>(n);
  answers_.came();
  return pipe_end::fine;
}

pipe_end write_until(int fd, std::string_view& rest, std::int64_t until_ns) {
  const auto n = ::write(fd, rest.data(), rest.size());
  if (n >= 0) {
    rest.remove_prefix(static_cast<std::size_t>(n));
    return pipe_end::fine;
  }
  if (errno == EINTR) return pipe_end::fine;
  if (errno != EAGAIN) return pipe_end::closed;
  return await(fd, POLLOUT, until_ns) ? pipe_end::fine : pipe_end::timed_out;
}

}  // namespace hocket::process
