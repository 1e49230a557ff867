#include "actors/wire/who_answers.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace hocket::wire {

void who_answers::end() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void who_answers::begin(const sockaddr_storage& at, socklen_t size, std::int64_t now_ns) {
  end();
  fd_ = ::socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  until_ns_ = now_ns + limit_ns;
  if (fd_ < 0) return;
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&at), size) != 0 && errno != EINPROGRESS)
    end();
}

who_answers::verdict who_answers::look(std::int64_t now_ns) {
  if (fd_ < 0) return verdict::nobody;
  const auto ended = [&](verdict v) {
    end();
    return v;
  };
  pollfd state{fd_, POLLIN | POLLOUT, 0};
  if (::poll(&state, 1, 0) <= 0 || (state.revents & (POLLIN | POLLOUT)) == 0) {
    if ((state.revents & (POLLERR | POLLHUP)) != 0 || now_ns >= until_ns_)
      return ended(verdict::nobody);  // not reached again
    return verdict::unknown;
  }
  unsigned char first = 0;
  const auto got = ::recv(fd_, &first, 1, MSG_DONTWAIT);
  // The first byte of a greeting, and of no text.
  if (got == 1) return ended(first == 0xff ? verdict::listener : verdict::stranger);
  if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) return ended(verdict::nobody);
  return now_ns >= until_ns_ ? ended(verdict::stranger) : verdict::unknown;
}

}  // namespace hocket::wire
