#include "actors/host/status_socket.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/host/socket_file.hpp"
#include "actors/host/wire_status.hpp"
#include "graph/trust/audit.hpp"
#include "graph/trust/budget.hpp"

namespace hocket::host {
namespace {

using json = nlohmann::ordered_json;

json link_json(const link_account& l) {
  json drops = json::object();
  for (int i = 0; i < drop_reason_count; ++i)
    if (l.dropped[i] > 0) drops[std::string(to_string(static_cast<drop_reason>(i)))] = l.dropped[i];
  return {{"from", l.from},
          {"to", l.to},
          {"sent", l.sent},
          {"delivered", l.delivered},
          {"dropped", drops},
          {"in_flight", l.in_flight},
          {"depth_max", l.depth_max},
          {"blocked_ns", l.blocked_ns},
          {"holds", l.adds_up()},
          {"waiting_ms", l.waiting_ms},
          {"queue_size", l.queue_size},
          {"full", to_string(l.full)},
          {"back_edge", l.back_edge}};
}

json actor_json(const actor_status& a) {
  json counters = json::object();
  for (const auto& [name, n] : a.counters) counters[name] = n;
  return {{"name", a.name},
          {"component", a.component},
          {"state", to_string(a.state)},
          {"packets_in", a.packets_in},
          {"packets_out", a.packets_out},
          {"restarts", a.restarts},
          {"queued", a.queued},
          {"busy_ratio", a.busy_ratio},
          {"handler_p50_ms", a.handler_p50_ms},
          {"handler_p99_ms", a.handler_p99_ms},
          {"busy_s", a.handlers.sum_s},
          {"call_ms", a.call_ms},
          {"restarts_in_window", a.restarts_in_window},
          {"restart_max", a.restart_max},
          {"restart_within_s", a.restart_within_s},
          {"last_error", a.last_error},
          {"counters", counters}};
}

json budget_json(const budget_status& b) {
  json blamed = json::object();
  for (const auto& [actor, n] : b.blamed) blamed[actor] = n;
  return {{"path", b.path},     {"limit_ms", b.limit_ms}, {"checked", b.checked},
          {"missed", b.missed}, {"p50_ms", b.p50_ms},     {"p99_ms", b.p99_ms},
          {"blamed", blamed}};
}

}  // namespace

std::string to_json(const snapshot& s, const std::string& graph) {
  json actors = json::array(), links = json::array(), budgets = json::array();
  for (const auto& a : s.actors) actors.push_back(actor_json(a));
  for (const auto& l : s.links) links.push_back(link_json(l));
  for (const auto& b : s.budgets) budgets.push_back(budget_json(b));
  json out = {{"graph", graph}};
  if (!s.host.empty()) out["host"] = s.host;
  out.update({{"now_s", s.now.seconds()},
              {"sessions", s.sessions},
              {"law_holds", s.law_holds()},
              {"actors", actors},
              {"links", links},
              {"budgets", budgets}});
  add_wire_rows(s, out);
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

class status_socket::impl {
 public:
  impl(int listener, int wake, std::string path, status_answer answer)
      : listener_(listener),
        wake_(wake),
        path_(std::move(path)),
        answer_(std::move(answer)),
        thread_([this] { loop(); }) {}
  ~impl() {
    const std::uint64_t one = 1;
    (void)!write(wake_, &one, sizeof one);
    thread_.join();
    for (const auto& c : clients_) close(c.fd);
    close(listener_);
    close(wake_);
    unlink(path_.c_str());
  }

 private:
  struct client {
    int fd = -1;
    std::string who = {};  ///< "process 4711"
    std::string asked = {};
    std::uint64_t heard = 0;  ///< when it last said something, by the count of what was said
    trust::budget::share place = {}, room = {};
  };
  static constexpr std::size_t clients_max = 16;
  static constexpr std::size_t line_max = 4u << 20;  ///< a graph file with what it includes
  /// Of one process, and of all: a program that forgets its connections keeps none of the others out.
  static std::map<trust::spends, trust::spending_limit> limits() {
    return {{trust::spends::connections, {.of_each = clients_max / 2, .of_all = clients_max}},
            {trust::spends::bytes, {.of_each = line_max + 4096, .of_all = 4 * line_max}}};
  }

  void loop() {
    for (;;) {
      std::vector<pollfd> fds{{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const auto& c : clients_) fds.push_back({c.fd, POLLIN, 0});
      if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
      if (fds[0].revents != 0) return;
      for (std::size_t i = 2; i < fds.size(); ++i)
        if (fds[i].revents != 0 && !serve(clients_[i - 2])) {
          close(clients_[i - 2].fd);
          clients_[i - 2].fd = -1;
        }
      std::erase_if(clients_, [](const client& c) { return c.fd < 0; });
      if (fds[1].revents != 0) admit();
    }
  }

  void admit() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    client one{fd, principal_of(fd)};
    one.place = one.who.empty() ? trust::budget::share() : place_for(one.who);
    if (!one.place) {
      close(fd);
      return;
    }
    // A client that asks and never reads must not hold the others up for long.
    const timeval limit{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    one.heard = ++said_;
    clients_.push_back(std::move(one));
  }

  /// Who says nothing keeps nobody out: the one that has been silent for longest goes, among its own
  /// where a process has as many as it may, else among all.
  trust::budget::share place_for(const std::string& who) {
    using trust::spends;
    if (auto place = budget_.take(who, spends::connections)) return place;
    const bool own = budget_.held(who, spends::connections) >= clients_max / 2;
    auto silent = clients_.end();
    for (auto it = clients_.begin(); it != clients_.end(); ++it)
      if ((!own || it->who == who) && (silent == clients_.end() || it->heard < silent->heard))
        silent = it;
    if (silent == clients_.end()) return {};
    close(silent->fd);
    clients_.erase(silent);
    return budget_.take(who, spends::connections);
  }

  /// The process that asks; empty where it is another user's: whoever can open the file may still be
  /// one, in a container or by a descriptor.
  static std::string principal_of(int fd) {
    ucred who{};
    socklen_t size = sizeof who;
    const bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0;
    if (known && (who.uid == geteuid() || who.uid == 0)) return fmt::format("process {}", who.pid);
    trust::note_refusal({known ? fmt::format("user {}", who.uid) : "somebody", "ask the run", ""});
    return "";
  }

  bool serve(client& c) {
    char block[4096];
    const auto n = read(c.fd, block, sizeof block);
    if (n <= 0) return false;
    c.heard = ++said_;
    c.room.give_back();
    c.room =
        budget_.take(c.who, trust::spends::bytes, c.asked.size() + static_cast<std::size_t>(n));
    if (!c.room) {
      trust::note_refusal({c.who, "ask the run", "", "more than it may say at once"});
      return false;
    }
    c.asked.append(block, static_cast<std::size_t>(n));
    for (auto end = c.asked.find('\n'); end != std::string::npos; end = c.asked.find('\n')) {
      const auto line = c.asked.substr(0, end);
      c.asked.erase(0, end + 1);
      auto reply = answer_(line);
      if (reply.empty()) reply = R"({"error":"ask `status`"})";
      reply += "\n";
      for (std::size_t sent = 0; sent < reply.size();) {
        const auto m = send(c.fd, reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
        if (m <= 0) return false;
        sent += static_cast<std::size_t>(m);
      }
    }
    if (c.asked.empty()) c.room.give_back();
    return c.asked.size() <= line_max;
  }

  const int listener_;
  const int wake_;
  const std::string path_;
  const status_answer answer_;
  trust::budget budget_{limits()};
  std::vector<client> clients_;
  std::uint64_t said_ = 0;
  std::thread thread_;
};

status_socket::status_socket(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
status_socket::~status_socket() = default;

result<std::unique_ptr<status_socket>> status_socket::serve(const std::string& path,
                                                            status_answer answer) {
  const auto at = socket_file::at(path);
  if (!at) return fail(at);
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool taken = probe >= 0 && connect(probe, at->address(), socket_file::size_bytes) == 0;
  if (probe >= 0) close(probe);
  if (taken) return fail("host.no_socket", path + ": another run listens there");
  // Under another name until it listens: who finds the file is answered.
  const auto early = path + ".new";
  const auto there = socket_file::at(early);
  if (!there) return fail(there);
  unlink(early.c_str());
  // Without it nobody could end the thread: a process that has no descriptor left listens nowhere.
  const int wake = eventfd(0, EFD_CLOEXEC);
  const int fd = wake < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // The mode of the file that bind() makes, whatever the umask says: nobody else may ask.
  if (fd < 0 || fchmod(fd, 0600) != 0 || bind(fd, there->address(), socket_file::size_bytes) != 0 ||
      listen(fd, 64) != 0 || rename(early.c_str(), path.c_str()) != 0) {
    const auto why = fmt::format("{}: {}", path, std::strerror(errno));
    unlink(early.c_str());
    if (fd >= 0) close(fd);
    if (wake >= 0) close(wake);
    return fail("host.no_socket", why);
  }
  return std::unique_ptr<status_socket>(
      new status_socket(std::make_unique<impl>(fd, wake, path, std::move(answer))));
}

}  // namespace hocket::host
