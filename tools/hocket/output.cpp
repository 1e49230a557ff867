#include "tools/hocket/output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <mutex>

#include <fmt/format.h>

#include "tools/hocket/commands.hpp"

namespace hocket::cli {
namespace {

/// So much fits into a pipe that poll calls writable (PIPE_BUF): the write does not block.
constexpr std::size_t chunk = 4096;
constexpr int wait_ms = 200;

struct sink {
  int fd;
  std::atomic<int> trouble{0};
};
sink out{STDOUT_FILENO}, err{STDERR_FILENO};
bool kept = false;
std::mutex blocked_lock;
std::function<bool()> blocked;

/// Asks whether to give up. What is asked may print, which may block in turn: then yes.
bool give_up() {
  thread_local bool asking = false;
  if (asking) return true;
  std::function<bool()> ask;
  {
    std::lock_guard hold(blocked_lock);
    ask = blocked;
  }
  if (!ask) return false;
  asking = true;
  const bool out = ask();
  asking = false;
  return out;
}

/// Waits until `fd` takes something. False: give up.
bool wait_writable(int fd) {
  while (true) {
    pollfd p{fd, POLLOUT, 0};
    const int n = poll(&p, 1, wait_ms);
    if (n > 0 || (n < 0 && errno != EINTR)) return true;  // what is wrong, write() says
    if (give_up()) return false;
  }
}

/// For fopencookie: writes what it can, and claims that it was all.
ssize_t write_cookie(void* cookie, const char* text, std::size_t size) {
  auto& to = *static_cast<sink*>(cookie);
  for (std::size_t at = 0; at < size && to.trouble == 0;) {
    if (!wait_writable(to.fd)) {
      to.trouble = EAGAIN;
      break;
    }
    const auto n = write(to.fd, text + at, std::min(chunk, size - at));
    if (n > 0)
      at += static_cast<std::size_t>(n);
    else if (n < 0 && errno != EINTR && errno != EAGAIN)
      to.trouble = errno;
  }
  return static_cast<ssize_t>(size);
}

}  // namespace

void keep_output() {
  if (kept) return;
  kept = true;
  for (const int s : {SIGPIPE, SIGXFSZ, SIGTTOU}) std::signal(s, SIG_IGN);
  std::fflush(stdout);
  if (auto* f = fopencookie(&out, "w", {nullptr, write_cookie, nullptr, nullptr})) {
    // Lines on a terminal, blocks elsewhere, as the C library has it.
    std::setvbuf(f, nullptr, isatty(STDOUT_FILENO) != 0 ? _IOLBF : _IOFBF, BUFSIZ);
    stdout = f;
  }
  if (auto* f = fopencookie(&err, "w", {nullptr, write_cookie, nullptr, nullptr})) {
    std::setvbuf(f, nullptr, _IOLBF, BUFSIZ);
    stderr = f;
  }
}

int output_trouble() { return out.trouble; }

bool output_abandoned() {
  struct stat about {};
  if (fstat(STDOUT_FILENO, &about) != 0) return false;
  if (!S_ISFIFO(about.st_mode) && isatty(STDOUT_FILENO) == 0 && out.trouble != EIO) return false;
  pollfd p{STDOUT_FILENO, 0, 0};
  const bool hung_up = poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP)) != 0;
  return hung_up || out.trouble == EPIPE || out.trouble == EIO;
}

void fill_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) [[maybe_unused]]
      const int lowest_free = open("/dev/null", O_RDWR);
}

void while_blocked(std::function<bool()> give_up) {
  std::lock_guard hold(blocked_lock);
  blocked = std::move(give_up);
}

int checked_output(int code) {
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
  std::fflush(stderr);
  // A run says itself what it did without its output.
  if (kept || !failed || errno == EPIPE) return code;
  const char* why = std::strerror(errno);
  std::fprintf(stderr, "error: standard output: %s [cli.output]\n", why);
  return code == exit_fine ? exit_failed : code;
}

}  // namespace hocket::cli
