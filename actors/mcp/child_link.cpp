#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <mutex>
#include <optional>
#include <thread>

#include "actors/mcp/child_process.hpp"
#include "actors/mcp/link.hpp"
#include "graph/text/clean.hpp"

namespace hocket::mcp {
namespace {

constexpr std::size_t most_unsent = 64u << 20;
constexpr std::size_t kept_of_stderr = 2000;

/// As programs say it whom a sandbox keeps from something.
bool was_kept_from(std::string_view words) {
  for (const std::string_view sign :
       {"ermission denied", "EACCES", "EPERM", "not permitted", "EAI_AGAIN", "ENETUNREACH", "EROFS",
        "Read-only", "name resolution", "ENOMEM", "Cannot find module", "No module named"})
    if (words.find(sign) != words.npos) return true;
  return false;
}

/// One child and the thread that reads and writes for it. The thread starts the child, so that the
/// child's life ends with the thread's.
class child_link final : public link {
 public:
  child_link(child_settings s, link_events e) : settings_(std::move(s)), events_(std::move(e)) {
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    begin();
  }
  ~child_link() override { close(); }

  void send(const outgoing& what) override {
    auto line = line_of(what.body) + "\n";
    {
      const std::lock_guard lock(mutex_);
      if (unsent_.size() + line.size() > most_unsent) return;  // it does not read: calls time out
      unsent_ += line;
    }
    wake();
  }
  void restart() override {
    stop();
    begin();
  }
  void close() override {
    stop();
    if (wake_ >= 0) ::close(std::exchange(wake_, -1));
  }

 private:
  void wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = write(wake_, &one, sizeof one);
  }
  void begin() {
    {
      const std::lock_guard lock(mutex_);
      unsent_.clear();
      stopping_ = false;
    }
    thread_ = std::thread([this] { run(); });
  }
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    if (wake_ >= 0) wake();
    if (thread_.joinable()) thread_.join();
  }
  bool stopping() {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  void run() {
    // A child that is gone is an error of a write here, and no signal: it ends with the thread.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    // Nobody could end what waits without it.
    if (wake_ < 0) return events_.closed("this process has no descriptor left to speak with it");
    auto made = settings_.confine
                    ? child_process::confined(settings_.command, settings_.folder, settings_.rules)
                    : child_process::start(settings_.command, settings_.folder,
                                           settings_.rules.environment);
    if (!made) return events_.closed(made.error().message);
    auto child = std::move(*made);
    std::string line, said;
    std::string why;
    while (!stopping() && why.empty()) why = step(child, line, said);
    const bool wanted = stopping();
    const auto how = child.end(wanted ? settings_.patience_ms : 500);
    if (wanted) return;
    if (why == "end") why = how;
    const auto words = clean_text(said);
    if (!words.empty()) why += "; it said: " + words;
    if (settings_.confine && was_kept_from(words))
      why += " (it runs in a sandbox: `reads`, `writes`, `runs` and `network` say what it reaches)";
    events_.closed(why);
  }

  /// Waits for anything and does it; why it is over, where it is.
  std::string step(child_process& child, std::string& line, std::string& said) {
    bool has_more;
    {
      const std::lock_guard lock(mutex_);
      has_more = !unsent_.empty();
    }
    pollfd on[4] = {{child.out, POLLIN, 0},
                    {child.err, POLLIN, 0},
                    {wake_, POLLIN, 0},
                    {has_more ? child.in : -1, POLLOUT, 0}};
    if (poll(on, 4, -1) < 0) return errno == EINTR ? "" : "poll failed";
    if (on[2].revents != 0) {
      std::uint64_t count;
      [[maybe_unused]] const auto n = read(wake_, &count, sizeof count);
    }
    if (on[1].revents != 0) hear_errors(child, said);
    if (on[3].revents != 0 && !write_some(child)) {
      hear_errors(child, said);
      return "end";
    }
    if (on[0].revents != 0) return hear(child, line, said);
    return "";
  }

  bool write_some(child_process& child) {
    const std::lock_guard lock(mutex_);
    const auto n = write(child.in, unsent_.data(), unsent_.size());
    if (n > 0) unsent_.erase(0, static_cast<std::size_t>(n));
    return n > 0 || errno == EAGAIN || errno == EINTR;
  }

  void hear_errors(child_process& child, std::string& said) {
    char block[4096];
    ssize_t n = -1;
    // A part at a time: a child that floods it must not keep its thread.
    for (int i = 0; i < 64 && (n = read(child.err, block, sizeof block)) > 0; ++i) {
      said.append(block, static_cast<std::size_t>(n));
      if (said.size() > 2 * kept_of_stderr) said.erase(0, said.size() - kept_of_stderr);
    }
    if (n == 0) ::close(std::exchange(child.err, -1));
  }

  std::string hear(child_process& child, std::string& line, std::string& said) {
    char block[65536];
    const auto n = read(child.out, block, sizeof block);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? "" : "end";
    if (n == 0) {
      if (child.err >= 0) {
        // Its last words may still be on their way.
        pollfd more{child.err, POLLIN, 0};
        for (int i = 0; i < 64 && child.err >= 0 && poll(&more, 1, 200) == 1; ++i) {
          hear_errors(child, said);
          more.fd = child.err;
        }
      }
      return "end";
    }
    std::string_view rest(block, static_cast<std::size_t>(n));
    for (auto at = rest.find('\n'); at != rest.npos; at = rest.find('\n')) {
      line += rest.substr(0, at);
      rest.remove_prefix(at + 1);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (!line.empty()) events_.text(0, std::exchange(line, {}));
    }
    line += rest;
    return line.size() > settings_.line_bytes ? "it sent a line without an end" : "";
  }

  const child_settings settings_;
  const link_events events_;
  int wake_ = -1;
  std::mutex mutex_;
  std::string unsent_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<link> make_child_link(child_settings s, link_events events) {
  return std::make_unique<child_link>(std::move(s), std::move(events));
}

}  // namespace hocket::mcp
