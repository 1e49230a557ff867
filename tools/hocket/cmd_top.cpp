#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "tools/hocket/commands.hpp"
#include "tools/hocket/top_view.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

volatile std::sig_atomic_t stop_asked = 0;

/// Our end of a run's status socket: lines of JSON.
class status_link {
 public:
  static result<status_link> connect(const std::string& path) {
    status_link out;
    out.fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
      return fail("top.bad_socket", path + ": a socket's path may not be that long");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (out.fd_ < 0 ||
        ::connect(out.fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      return fail("top.no_run", fmt::format("{}: {}", path, std::strerror(errno)));
    return out;
  }
  status_link(status_link&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), text_(std::move(other.text_)) {}
  status_link& operator=(status_link&&) = delete;
  ~status_link() {
    if (fd_ >= 0) close(fd_);
  }

  /// The next line; empty when the run is over or nothing came in time.
  std::optional<std::string> line(int limit_ms) {
    while (text_.find('\n') == std::string::npos) {
      pollfd ready{fd_, POLLIN, 0};
      if (poll(&ready, 1, limit_ms) <= 0) return std::nullopt;
      char block[65536];
      const auto n = read(fd_, block, sizeof block);
      if (n <= 0) return std::nullopt;
      text_.append(block, static_cast<std::size_t>(n));
    }
    const auto end = text_.find('\n');
    auto out = text_.substr(0, end);
    text_.erase(0, end + 1);
    return out;
  }

  bool ask() { return send(fd_, "status\n", 7, MSG_NOSIGNAL) == 7; }

 private:
  status_link() = default;
  int fd_ = -1;
  std::string text_;
};

/// Over the last look without a flicker: each line cleared to its end, then all below.
std::string redrawn(const std::string& text) {
  std::string out = "\033[H";
  for (const char c : text) out += c == '\n' ? "\033[K\n" : std::string(1, c);
  return out + "\033[J";
}

}  // namespace

int run_top(const top_options& o) {
  const auto path =
      o.socket.empty() ? (std::filesystem::path(o.out) / "hocket.sock").string() : o.socket;
  auto link = status_link::connect(path);
  if (!link)
    return complain(link.error(), exit_failed,
                    "is a graph running? give its --out folder or --socket");
  std::signal(SIGINT, [](int) { stop_asked = 1; });
  const auto t = this_terminal();
  std::string before;
  while (stop_asked == 0) {
    if (!link->ask()) break;
    const auto now = link->line(5000);
    if (!now) break;
    if (o.json) {
      fmt::print("{}\n", *now);
    } else {
      // Two looks a moment apart give rates also with --once.
      if (o.once && before.empty()) {
        before = *now;
        usleep(500'000);
        continue;
      }
      auto text = top_text(before, *now, t);
      if (t.is_terminal && !o.once) text = redrawn(text);
      fmt::print("{}", text);
    }
    std::fflush(stdout);
    if (o.once) return exit_fine;
    before = *now;
    usleep(static_cast<useconds_t>(o.every_s * 1e6));
  }
  if (stop_asked == 0) fmt::print(stderr, "the run has ended\n");
  return exit_fine;
}

}  // namespace hocket::cli
