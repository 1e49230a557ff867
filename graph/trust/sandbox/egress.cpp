#include "graph/trust/sandbox/egress.hpp"

#include <fcntl.h>
#include <fnmatch.h>
#include <netdb.h>
#include <poll.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "graph/trust/audit.hpp"
#include "graph/trust/sandbox/start.hpp"

namespace hocket::trust {
namespace {

using steady = std::chrono::steady_clock;
constexpr int most_connections = 32, patience_ms = 10'000;
constexpr std::size_t most_head = 16 << 10, most_waiting = 256 << 10;
constexpr int idle_ms = 15 * 60'000;  ///< both sides silent for so long: they have forgotten it

struct target {
  std::string host, port;
  std::string ahead;  ///< what the other side is sent first
  bool tunnel = false;
};

/// "host:port" or "[v6]:port" in its parts; without a port: `otherwise`.
std::optional<std::pair<std::string, std::string>> parts(std::string_view text,
                                                         std::string_view otherwise) {
  const auto bracket = text.starts_with("[") ? text.find(']') : text.npos;
  auto colon = text.rfind(':');
  if (bracket != text.npos && (colon == text.npos || colon < bracket)) colon = text.npos;
  auto host = text.substr(0, colon);
  const auto port = colon == text.npos ? otherwise : text.substr(colon + 1);
  if (bracket != text.npos) {
    if (host.back() != ']') return {};
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != host.npos) {
    return {};
  }
  if (host.empty() || host.size() > 255 || port.empty() || port.size() > 5) return {};
  return std::pair{std::string(host), std::string(port)};
}

/// What a request's head asks for; nothing where it is none that a proxy gets.
std::optional<target> target_of(const std::string& head) {
  const auto line_end = head.find("\r\n");
  const auto line = std::string_view(head).substr(0, line_end);
  const auto first = line.find(' '), last = line.rfind(' ');
  if (first == line.npos || last <= first) return {};
  const auto method = line.substr(0, first), what = line.substr(first + 1, last - first - 1);
  target out;
  if (method == "CONNECT") {
    const auto at = parts(what, "");
    if (!at) return {};
    std::tie(out.host, out.port) = *at;
    out.tunnel = true;
    return out;
  }
  constexpr std::string_view scheme = "http://";
  if (what.size() <= scheme.size() || ::strncasecmp(what.data(), scheme.data(), scheme.size()) != 0)
    return {};
  const auto rest = what.substr(scheme.size());
  const auto slash = std::min(rest.find_first_of("/?#"), rest.size());
  if (rest.substr(0, slash).find('@') != rest.npos) return {};
  const auto at = parts(rest.substr(0, slash), "80");
  if (!at) return {};
  std::tie(out.host, out.port) = *at;
  auto path = std::string(rest.substr(slash));
  if (!path.starts_with("/")) path = "/" + path;
  out.ahead = fmt::format("{} {}{}{}", method, path, line.substr(last), head.substr(line_end));
  return out;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

struct closing {
  int fd = -1;
  ~closing() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

std::string egress_url() { return fmt::format("http://127.0.0.1:{}", egress_port); }

result<void> is_egress_entry(std::string_view entry) {
  const auto at = parts(entry, "");
  const bool number = at && (at->second == "*" ||
                             (at->second.find_first_not_of("0123456789") == std::string::npos &&
                              std::stoi(at->second) > 0 && std::stoi(at->second) < 65536));
  if (number && at->first.find_first_of(" /@?#[]") == std::string::npos) return {};
  return fail("sandbox.bad_address",
              fmt::format("`{}` names no host and port; such as api.example.org:443, "
                          "*.example.org:443 or 10.0.0.7:*",
                          entry));
}

bool lets_out(std::string_view entry, std::string_view host, std::string_view port) {
  const auto at = parts(entry, "");
  return at && (at->second == "*" || at->second == port) &&
         ::fnmatch(at->first.c_str(), std::string(host).c_str(), FNM_CASEFOLD) == 0;
}

struct egress::shared : std::enable_shared_from_this<egress::shared> {
  closing door, stop;
  std::vector<std::string> reaches;
  std::string who;
  std::mutex mutex;
  std::condition_variable fewer;
  int connections = 0;
  bool over = false;
  std::thread thread;

  /// Until a descriptor is ready; false: the time is up, or all is over.
  bool ready(int fd, short what, int wait_ms) const {
    pollfd on[2] = {{fd, what, 0}, {stop.fd, POLLIN, 0}};
    int n = 0;
    while ((n = ::poll(on, 2, wait_ms)) < 0 && errno == EINTR) {
    }
    return n > 0 && on[1].revents == 0;
  }

  void run() {
    while (ready(door.fd, POLLIN, -1)) {
      const int fd = ::accept4(door.fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (!pause()) return;  // no descriptors: others may give theirs back
        continue;
      }
      std::unique_lock lock(mutex);
      fewer.wait(lock, [&] { return over || connections < most_connections; });
      if (over) {
        ::close(fd);
        return;
      }
      ++connections;
      try {
        std::thread([self = shared_from_this(), fd] { self->serve(fd); }).detach();
      } catch (const std::system_error&) {
        ::close(fd);
        --connections;
      }
    }
  }
  bool pause() const {
    pollfd on{stop.fd, POLLIN, 0};
    return ::poll(&on, 1, 50) == 0;
  }

  void serve(int fd) {
    {
      const closing client{fd};
      talk(fd);
    }
    const std::lock_guard lock(mutex);
    --connections;
    fewer.notify_all();
  }

  void talk(int fd) const {
    std::string head;
    const auto until = steady::now() + std::chrono::milliseconds(patience_ms);
    std::size_t end = head.npos;
    while ((end = head.find("\r\n\r\n")) == head.npos) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - steady::now());
      if (head.size() > most_head || left.count() <= 0 ||
          !ready(fd, POLLIN, static_cast<int>(left.count())))
        return;
      char block[4096];
      const auto n = ::recv(fd, block, sizeof block, 0);
      if (n <= 0) return;
      head.append(block, static_cast<std::size_t>(n));
    }
    const auto body = head.substr(end + 4);
    head.resize(end + 4);
    const auto to = target_of(head);
    if (!to) {
      write_all(fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    const bool may = std::any_of(reaches.begin(), reaches.end(), [&](const auto& entry) {
      return lets_out(entry, to->host, to->port);
    });
    if (!may) {
      const auto what = to->host + ":" + to->port;
      note_refusal({who, "reach", what});
      const auto words = "not among the addresses that this program may reach: " + what + "\n";
      write_all(fd, fmt::format("HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n"
                                "Connection: close\r\nContent-Length: {}\r\n\r\n{}",
                                words.size(), words));
      return;
    }
    const closing there{reach(*to)};
    const timeval patience{30, 0};  // who takes nothing for so long has left
    for (const int end : {fd, there.fd})
      ::setsockopt(end, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (there.fd < 0) {
      write_all(fd, "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    if (to->tunnel && !write_all(fd, "HTTP/1.1 200 Connection established\r\n\r\n")) return;
    if (write_all(there.fd, to->ahead + body)) carry(fd, there.fd);
  }

  int reach(const target& to) const {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    if (::getaddrinfo(to.host.c_str(), to.port.c_str(), &hints, &found) != 0) return -1;
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> kept(found, ::freeaddrinfo);
    for (const auto* at = found; at != nullptr; at = at->ai_next) {
      closing made{::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
      if (made.fd < 0) continue;
      int why = ::connect(made.fd, at->ai_addr, at->ai_addrlen) == 0 ? 0 : errno;
      if (why == EINPROGRESS && ready(made.fd, POLLOUT, patience_ms)) {
        socklen_t size = sizeof why;
        ::getsockopt(made.fd, SOL_SOCKET, SO_ERROR, &why, &size);
      }
      if (why != 0) continue;
      ::fcntl(made.fd, F_SETFL, ::fcntl(made.fd, F_GETFL) & ~O_NONBLOCK);
      return std::exchange(made.fd, -1);
    }
    return -1;
  }

  /// Of one direction: what came and was not taken yet.
  struct way {
    int from, to;
    std::string waits = {};
    bool ended = false, told = false;

    bool reads() const { return !ended && waits.size() < most_waiting; }
    /// False where the other side takes nothing any more.
    bool move() {
      char block[32 << 10];
      const auto n = reads() ? ::recv(from, block, sizeof block, MSG_DONTWAIT) : -1;
      if (n > 0) waits.append(block, static_cast<std::size_t>(n));
      if (n == 0 || (n < 0 && reads() && errno != EAGAIN && errno != EINTR)) ended = true;
      while (!waits.empty()) {
        const auto sent = ::send(to, waits.data(), waits.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return errno == EAGAIN;
        waits.erase(0, static_cast<std::size_t>(sent));
      }
      if (ended && !std::exchange(told, true)) ::shutdown(to, SHUT_WR);
      return true;
    }
  };

  /// Both ways at once, until both have ended: who takes nothing holds up its own direction alone.
  void carry(int a, int b) const {
    way ways[2] = {{a, b}, {b, a}};
    while (!ways[0].told || !ways[1].told) {
      pollfd on[3] = {{a, 0, 0}, {b, 0, 0}, {stop.fd, POLLIN, 0}};
      for (int i = 0; i < 2; ++i) {
        if (ways[i].reads()) on[i].events |= POLLIN;
        if (!ways[i].waits.empty()) on[1 - i].events |= POLLOUT;
      }
      for (int i = 0; i < 2; ++i)
        if (on[i].events == 0) on[i].fd = -1;  // its hanging up would be told without end
      const int n = ::poll(on, 3, idle_ms);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0 || on[2].revents != 0) return;
      for (auto& w : ways)
        if (!w.move()) return;
    }
  }
};

egress::egress(int listening, std::vector<std::string> reaches, std::string who)
    : shared_(std::make_shared<shared>()) {
  shared_->door.fd = listening;
  shared_->stop.fd = ::eventfd(0, EFD_CLOEXEC);
  shared_->reaches = std::move(reaches);
  shared_->who = std::move(who);
  shared_->thread = std::thread([s = shared_.get()] { s->run(); });
}

egress::~egress() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->over = true;
  }
  shared_->fewer.notify_all();
  const std::uint64_t one = 1;
  (void)!::write(shared_->stop.fd, &one, sizeof one);
  shared_->thread.join();
  // Those that are connected see the stop; one that sends, or looks a name up, ends by itself within
  // half a minute. What they use is theirs as long as they need it.
}

}  // namespace hocket::trust
