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
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "graph/trust/audit.hpp"
#include "graph/trust/budget.hpp"
#include "graph/trust/public_address.hpp"
#include "graph/trust/sandbox/egress_request.hpp"
#include "graph/trust/sandbox/start.hpp"

namespace hocket::trust {
namespace {

using steady = std::chrono::steady_clock;
constexpr int most_connections = 32, patience_ms = 10'000;
constexpr std::size_t most_head = 16 << 10, most_waiting = 256 << 10;

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

/// An entry's host that is an address, or a pattern of some: "10.*", "fd00::*"; "*" names none.
bool names_addresses(std::string_view host) {
  return host.find_first_not_of("0123456789abcdefABCDEF.:*?") == host.npos &&
         host.find_first_of("0123456789:") != host.npos && host.find_first_of(".:") != host.npos;
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

std::string text_of(const addrinfo& at) {
  char host[NI_MAXHOST] = "";
  if (::getnameinfo(at.ai_addr, at.ai_addrlen, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0)
    return "";
  const std::string_view text = host;
  return std::string(text.substr(0, text.find('%')));
}

budget& crowd() {
  static auto* const it =
      new budget({{spends::threads, {.of_all = 512}}, {spends::descriptors, {.of_all = 1024}}});
  return *it;
}

std::string refusal_text(const std::string& words) {
  return fmt::format(
      "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n"
      "Content-Length: {}\r\n\r\n{}",
      words.size(), words);
}

}  // namespace

std::string egress_url() { return fmt::format("http://127.0.0.1:{}", egress_port); }

result<void> is_egress_entry(std::string_view entry) {
  const auto at = host_and_port(entry, "");
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
  const auto at = host_and_port(entry, "");
  return at && (at->second == "*" || at->second == port) &&
         ::fnmatch(at->first.c_str(), std::string(host).c_str(), FNM_CASEFOLD) == 0;
}

bool may_lie_at(const std::vector<std::string>& entries, std::string_view host,
                const std::string& address, std::string_view port) {
  if (is_public(address) && !is_of_this_machine(address)) return true;
  const bool local = ::strncasecmp(std::string(host).c_str(), "localhost", 10) == 0;
  return std::any_of(entries.begin(), entries.end(), [&](const auto& entry) {
    const auto at = host_and_port(entry, "");
    if (!at) return false;
    if (local && is_loopback(address) && at->first == "localhost")
      return lets_out(entry, host, port);
    return names_addresses(at->first) && lets_out(entry, address, port);
  });
}

struct egress::shared : std::enable_shared_from_this<egress::shared> {
  closing door, stop;
  std::vector<std::string> reaches;
  std::string who;
  egress_patience waits;
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
      // Of all programs together, too: each connection is a thread and two descriptors of ours.
      auto costs = std::make_shared<std::array<budget::share, 2>>();
      *costs = {crowd().take(who, spends::threads), crowd().take(who, spends::descriptors, 2)};
      if (!(*costs)[0] || !(*costs)[1]) {
        ::close(fd);
        note_refusal(
            {who, "reach", "", "programs in sandboxes have as many connections as they may"});
        continue;
      }
      ++connections;
      try {
        std::thread([self = shared_from_this(), fd, costs] { self->serve(fd); }).detach();
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
    const auto behind = head.substr(end + 4);
    head.resize(end + 4);
    const auto to = read_proxy_request(head);
    if (!to)
      write_all(fd, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    else
      pass(fd, *to, behind);
  }

  void refuse(int fd, const std::string& what, const std::string& why) const {
    note_refusal({who, "reach", what});
    write_all(fd, refusal_text(why + ": " + what + "\n"));
  }

  void pass(int fd, const proxy_request& to, std::string_view behind) const {
    const auto what = to.host + ":" + to.port;
    if (std::none_of(reaches.begin(), reaches.end(),
                     [&](const auto& entry) { return lets_out(entry, to.host, to.port); }))
      return refuse(fd, what, "not among the addresses that this program may reach");
    std::string kept_out;
    const closing there{reach(to, kept_out)};
    const timeval patience{30, 0};  // who takes nothing for so long has left
    for (const int end : {fd, there.fd})
      ::setsockopt(end, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (there.fd < 0 && !kept_out.empty())
      return refuse(fd, fmt::format("{} ({})", what, kept_out),
                    "its name leads to this machine or network, which nobody named");
    if (there.fd < 0) {
      write_all(fd, "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    if (to.tunnel) {
      if (write_all(fd, "HTTP/1.1 200 Connection established\r\n\r\n") &&
          write_all(there.fd, behind))
        carry(fd, there.fd, nullptr);
      return;
    }
    auto body = to.body;
    behind = behind.substr(0, body.take(behind));
    if (body.bad() || !write_all(there.fd, to.head + std::string(behind))) return;
    carry(fd, there.fd, &body);
  }

  /// Connected, or negative; `kept_out`: an address of it that may not be reached.
  int reach(const proxy_request& to, std::string& kept_out) const {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    if (::getaddrinfo(to.host.c_str(), to.port.c_str(), &hints, &found) != 0) return -1;
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> kept(found, ::freeaddrinfo);
    for (const auto* at = found; at != nullptr; at = at->ai_next) {
      if (const auto text = text_of(*at); !may_lie_at(reaches, to.host, text, to.port)) {
        kept_out = text;
        continue;
      }
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
    request_body* body = nullptr;  ///< what may come of it at most; null: all
    std::string waits = {};
    bool ended = false, told = false;

    bool reads() const { return !ended && waits.size() < most_waiting; }
    void keep(std::string_view bytes) {
      waits.append(bytes.substr(0, body != nullptr ? body->take(bytes) : bytes.size()));
      // Another request on the same connection was never judged: nobody reads it.
      if (body != nullptr && (body->done() || body->bad())) ended = true;
    }
    /// False where the other side takes nothing any more.
    bool move() {
      char block[32 << 10];
      const auto n = reads() ? ::recv(from, block, sizeof block, MSG_DONTWAIT) : -1;
      if (n > 0) keep({block, static_cast<std::size_t>(n)});
      if (body != nullptr && body->bad()) return false;
      if (n == 0 || (n < 0 && reads() && errno != EAGAIN && errno != EINTR)) ended = true;
      while (!waits.empty()) {
        const auto sent = ::send(to, waits.data(), waits.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return errno == EAGAIN;
        waits.erase(0, static_cast<std::size_t>(sent));
      }
      // Of a plain request its length is the end: some servers take half a connection for none.
      if (ended && !std::exchange(told, true) && body == nullptr) ::shutdown(to, SHUT_WR);
      return true;
    }
  };

  /// Both ways at once, until both have ended: who takes nothing holds up its own direction alone.
  void carry(int a, int b, request_body* body) const {
    way ways[2] = {{a, b, body}, {b, a}};
    if (body != nullptr && body->done()) ways[0].ended = ways[0].told = true;
    // Of a plain request nothing is read any more: that its client leaves is seen by this alone.
    bool left = false;
    while (!ways[0].told || !ways[1].told) {
      pollfd on[3] = {{a, 0, 0}, {b, 0, 0}, {stop.fd, POLLIN, 0}};
      if (ways[0].ended && !left) on[0].events |= POLLRDHUP;
      for (int i = 0; i < 2; ++i) {
        if (ways[i].reads()) on[i].events |= POLLIN;
        if (!ways[i].waits.empty()) on[1 - i].events |= POLLOUT;
      }
      for (int i = 0; i < 2; ++i)
        if (on[i].events == 0) on[i].fd = -1;  // its hanging up would be told without end
      const bool half = left || (body == nullptr && (ways[0].told || ways[1].told));
      const int n = ::poll(on, 3, half ? waits.one_ms : waits.both_ms);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0 || on[2].revents != 0) return;
      left = left || (on[0].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
      for (auto& w : ways)
        if (!w.move()) return;
    }
  }
};

result<std::shared_ptr<egress>> egress::start(int listening, std::vector<std::string> reaches,
                                              std::string who, egress_patience waits) {
  const auto made = std::make_shared<shared>();
  made->door.fd = listening;
  made->stop.fd = ::eventfd(0, EFD_CLOEXEC);
  if (made->stop.fd < 0)
    return fail("sandbox.failed", fmt::format("{}: its door: {}", who, std::strerror(errno)));
  made->reaches = std::move(reaches);
  made->who = std::move(who);
  made->waits = waits;
  try {
    made->thread = std::thread([s = made.get()] { s->run(); });
  } catch (const std::system_error& e) {
    return fail("sandbox.failed", fmt::format("{}: its door: {}", made->who, e.what()));
  }
  return std::shared_ptr<egress>(new egress(made));
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
