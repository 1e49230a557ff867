#include "tools/hocket/status_source.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "actors/host/socket_file.hpp"
#include "actors/observe/http_server.hpp"

namespace hocket::cli {
namespace {

constexpr const char* socket_name = "hocket.sock";

/// Our end of a run's status socket: lines of JSON.
class socket_source final : public status_source {
 public:
  socket_source(std::string name, std::string path)
      : name_(std::move(name)), path_(std::move(path)) {}
  socket_source(const socket_source&) = delete;
  ~socket_source() override { hang_up(); }

  const std::string& name() const override { return name_; }

  result<std::string> ask(int limit_ms) override { return say("status", limit_ms); }
  result<std::string> say(const std::string& line, int limit_ms) override {
    const bool known = fd_ >= 0;
    if (!known) HOCKET_TRY(connect());
    auto answer = exchange(line + "\n", limit_ms);
    if (answer) return answer;
    hang_up();
    // A connection that broke does not say why; the next one does.
    if (!known || answer.error().code != "status.dead") return answer;
    HOCKET_TRY(connect());
    answer = exchange(line + "\n", limit_ms);
    if (!answer) hang_up();
    return answer;
  }

 private:
  result<void> connect() {
    const auto at = host::socket_file::at(path_);
    if (!at) return fail("status.no_run", at.error().message);
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ >= 0 && ::connect(fd_, at->address(), host::socket_file::size_bytes) == 0) return {};
    // A run that ends takes its socket away; one that is killed leaves it behind.
    const char* code = errno == ENOENT ? "status.no_run" : "status.dead";
    const auto why = fmt::format("{}: {}", path_, std::strerror(errno));
    hang_up();
    return fail(code, why);
  }

  result<std::string> exchange(const std::string& line, int limit_ms) {
    using clock = std::chrono::steady_clock;
    const auto until = clock::now() + std::chrono::milliseconds(limit_ms);
    for (std::size_t sent = 0; sent < line.size();) {
      const auto n = send(fd_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return fail("status.dead", path_ + ": the run is gone");
      sent += static_cast<std::size_t>(n);
    }
    std::string text;
    while (text.empty() || text.back() != '\n') {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now()).count();
      pollfd ready{fd_, POLLIN, 0};
      const int n = left > 0 ? poll(&ready, 1, static_cast<int>(left)) : 0;
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0)
        return fail("status.no_answer", fmt::format("{}: no answer within {} ms", path_, limit_ms));
      char block[65536];
      const auto got = read(fd_, block, sizeof block);
      if (got <= 0) return fail("status.dead", path_ + ": the run is gone");
      text.append(block, static_cast<std::size_t>(got));
    }
    text.pop_back();
    return text;
  }

  void hang_up() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  const std::string name_;
  const std::string path_;
  int fd_ = -1;
};

class http_source final : public status_source {
 public:
  explicit http_source(std::string address) : address_(std::move(address)) {}
  const std::string& name() const override { return address_; }
  result<std::string> say(const std::string&, int) override {
    return fail("status.not_here", address_ + ": HTTP only shows the run; ask on its machine");
  }
  result<std::string> ask(int limit_ms) override {
    auto text = observe::http_get(address_, "/status", limit_ms);
    if (text && !text->empty() && text->back() == '\n') text->pop_back();
    return text;
  }

 private:
  const std::string address_;
};

}  // namespace

std::vector<std::string> run_folders(const std::string& out) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (fs::exists(fs::path(out) / socket_name, ignored)) return {out};
  std::vector<std::string> hosts;
  for (const auto& e : fs::directory_iterator(out, ignored))
    if (fs::exists(e.path() / socket_name, ignored)) hosts.push_back(e.path().string());
  std::sort(hosts.begin(), hosts.end());
  return hosts.empty() ? std::vector{out} : hosts;
}

std::vector<std::unique_ptr<status_source>> status_sources(const watch_options& o) {
  std::vector<std::unique_ptr<status_source>> all;
  auto outs = o.outs;
  if (outs.empty() && o.sockets.empty() && o.connects.empty()) outs = {"out"};
  for (const auto& out : outs)
    for (const auto& dir : run_folders(out))
      all.push_back(std::make_unique<socket_source>(
          dir, (std::filesystem::path(dir) / socket_name).string()));
  for (const auto& path : o.sockets) all.push_back(std::make_unique<socket_source>(path, path));
  for (const auto& address : o.connects) all.push_back(std::make_unique<http_source>(address));
  return all;
}

int exit_of_silence(const watch_options& o) {
  std::error_code ignored;
  for (const auto& folder : o.outs)
    if (!std::filesystem::is_directory(folder, ignored)) return exit_bad_input;
  return exit_failed;
}

}  // namespace hocket::cli
