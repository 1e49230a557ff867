#include "graph/trust/sandbox/sandbox.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "graph/trust/sandbox/control_group.hpp"
#include "graph/trust/sandbox/egress.hpp"
#include "graph/trust/sandbox/filter.hpp"
#include "graph/trust/sandbox/reach.hpp"
#include "graph/trust/sandbox/start.hpp"

namespace hocket::trust {
namespace {

using steady = std::chrono::steady_clock;

void close_one(int& fd) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

/// Held where a child is reaped or killed; never while one is waited for.
std::mutex& reaping() {
  static std::mutex one;
  return one;
}

constexpr int lowest_ours = 32;  // above what the child puts its own at
constexpr std::size_t most_passed = 16;
/// Grows beside what RLIMIT_DATA counts; what threads take by default, too.
constexpr rlim_t stack_bytes = 8 << 20;

/// Both ends of a pipe; the child's lies above what its standard streams take.
struct pipe_ends {
  int ours = -1, theirs = -1;
  ~pipe_ends() {
    close_one(ours);
    close_one(theirs);
  }
  bool open(bool we_write) {
    int both[2];
    if (::pipe2(both, O_CLOEXEC) != 0) return false;
    ours = both[we_write ? 1 : 0];
    theirs = ::fcntl(both[we_write ? 0 : 1], F_DUPFD_CLOEXEC, lowest_ours);
    ::close(both[we_write ? 0 : 1]);
    return theirs >= 0;
  }
  /// Two sockets: to write to one whose other end is gone is an error, not a signal.
  bool open_sockets() {
    int both[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) != 0) return false;
    ours = both[0];
    theirs = ::fcntl(both[1], F_DUPFD_CLOEXEC, lowest_ours);
    ::close(both[1]);
    return theirs >= 0;
  }
};

/// The kernel ends a child when the *thread* that made it ends: this one never does.
class starter {
 public:
  static starter& one() {
    static auto* const it = new starter;  // outlives whatever runs at the process's end
    return *it;
  }
  int start(const start_plan& plan) {
    std::packaged_task<int()> work([&] { return make(plan); });
    auto done = work.get_future();
    {
      std::lock_guard lock(mutex_);
      waiting_.push_back(&work);
    }
    wake_.notify_one();
    return done.get();
  }

 private:
  starter() {
    std::thread([this] { run(); }).detach();
  }
  void run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return !waiting_.empty(); });
      auto* const next = waiting_.front();
      waiting_.erase(waiting_.begin());
      lock.unlock();
      (*next)();
    }
  }
  static int make(const start_plan& plan) {
    // No handler of ours may run in a child that is not yet a program.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::uint64_t flags = plan.namespaces ? namespace_flags : 0;
    if (plan.keep_network) flags &= ~std::uint64_t{CLONE_NEWNET};
    if (plan.mounts) flags |= CLONE_NEWNS;
    const int child = fork_into(flags);
    if (child == 0) become(plan);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return child;
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::packaged_task<int()>*> waiting_;
};

std::vector<std::pair<int, rlimit>> limits_of(const sandbox_rules& rules, bool namespaces) {
  const auto both = [](std::uint64_t n) { return rlimit{n, n}; };
  std::vector<std::pair<int, rlimit>> out = {{RLIMIT_DATA, both(rules.memory_bytes)},
                                             {RLIMIT_FSIZE, both(rules.file_bytes)},
                                             {RLIMIT_NOFILE, both(rules.descriptors)},
                                             {RLIMIT_STACK, {stack_bytes, stack_bytes}}};
  if (!rules.core_dumps) out.push_back({RLIMIT_CORE, both(0)});
  if (rules.cpu_s > 0) out.push_back({RLIMIT_CPU, both(rules.cpu_s)});
  // Outside a namespace the kernel would count all processes of this user.
  if (namespaces) out.push_back({RLIMIT_NPROC, both(rules.processes)});
  return out;
}

/// Texts as the kernel takes them; they must outlive the pointers.
std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& t : texts) out.push_back(t.data());
  out.push_back(nullptr);
  return out;
}

result<void> no_zeros(const std::vector<std::string>& texts) {
  for (const auto& t : texts)
    if (t.find('\0') != std::string::npos)
      return fail("sandbox.failed", "an argument or a variable holds a zero byte");
  return {};
}

result<void> is_program(const std::string& path) {
  if (path.empty() || path.front() != '/')
    return fail("sandbox.no_program", fmt::format("`{}`: an absolute path is needed", path));
  if (::access(path.c_str(), X_OK) != 0)
    return fail("sandbox.no_program", fmt::format("{}: {}", path, std::strerror(errno)));
  return {};
}

}  // namespace

sandboxed::sandboxed(sandboxed&& o) noexcept
    : pid_(std::exchange(o.pid_, -1)),
      in_(std::exchange(o.in_, -1)),
      out_(std::exchange(o.out_, -1)),
      err_(std::exchange(o.err_, -1)),
      code_(std::exchange(o.code_, {})),
      gaps_(std::move(o.gaps_)),
      egress_(std::move(o.egress_)),
      group_(std::move(o.group_)) {}

sandboxed& sandboxed::operator=(sandboxed&& o) noexcept {
  if (this == &o) return *this;
  end();
  pid_ = std::exchange(o.pid_, -1);
  in_ = std::exchange(o.in_, -1);
  out_ = std::exchange(o.out_, -1);
  err_ = std::exchange(o.err_, -1);
  code_ = std::exchange(o.code_, {});
  gaps_ = std::move(o.gaps_);
  egress_ = std::move(o.egress_);
  group_ = std::move(o.group_);
  return *this;
}

sandboxed::~sandboxed() { end(); }

void sandboxed::end() {
  if (pid_ > 0 && !code_) {
    kill();
    (void)wait();
  }
  close_one(in_);
  close_one(out_);
  close_one(err_);
  pid_ = -1;
  group_.reset();
  egress_.reset();
}

void sandboxed::ask_to_end() {
  if (pid_ > 0 && !code_) ::kill(-pid_, SIGTERM);
}

void sandboxed::close_in() { close_one(in_); }

std::array<int, 3> sandboxed::take_streams() {
  return {std::exchange(in_, -1), std::exchange(out_, -1), std::exchange(err_, -1)};
}

void sandboxed::kill() {
  // Not reaped before wait() says so: the number is still the child's.
  {
    const std::lock_guard lock(reaping());
    if (pid_ <= 0 || code_) return;
    ::kill(-pid_, SIGKILL);  // what it started stays in its group where nothing else holds it
    ::kill(pid_, SIGKILL);
  }
  if (group_) group_->kill();
}

std::optional<int> sandboxed::wait(int wait_ms) {
  if (code_ || pid_ <= 0) return code_;
  const auto until = steady::now() + std::chrono::milliseconds(wait_ms);
  for (int pause_ms = 1;; pause_ms = std::min(pause_ms * 2, 20)) {
    siginfo_t over{};
    const int looked = ::waitid(P_PID, static_cast<id_t>(pid_), &over,
                                WEXITED | WNOWAIT | (wait_ms < 0 ? 0 : WNOHANG));
    if (looked < 0 ? errno != EINTR : over.si_pid == pid_) {
      // Its number may be another's from here on, and kill() comes from any thread.
      const std::lock_guard lock(reaping());
      int status = 0;
      const bool is_ours = ::waitpid(pid_, &status, WNOHANG) == pid_;
      if (!is_ours) return code_ = 127;  // somebody else reaped it
      return code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    if (wait_ms >= 0 && steady::now() >= until) return {};
    if (wait_ms >= 0) std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
  }
}

namespace {

/// What a plan points to, as long as the child reads it.
struct start_texts {
  std::vector<std::string> arguments, environment, writable;
  std::vector<char*> argv, envp, writes;
  std::vector<int> passes;
  ~start_texts() {
    for (int fd : passes) close_one(fd);
  }
};

result<void> fill(start_texts& to, const sandbox_command& command, const sandbox_rules& rules,
                  bool has_door) {
  to.arguments = {command.program};
  to.arguments.insert(to.arguments.end(), command.arguments.begin(), command.arguments.end());
  auto variables = rules.environment;
  if (has_door)
    for (const char* name : {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"})
      variables.emplace(name, egress_url());
  if (has_door) variables.emplace("NODE_USE_ENV_PROXY", "1");
  for (const auto& [name, text] : variables) to.environment.push_back(name + "=" + text);
  for (const auto& path : rules.writes) {
    // As the kernel finds it: a mount is put in the place itself, not in that of a link to it.
    std::error_code failed;
    const auto whole = std::filesystem::canonical(path, failed);
    if (failed)
      return fail("sandbox.no_path",
                  fmt::format("{}: {} (a sandbox is to write there)", path, failed.message()));
    to.writable.push_back(whole.string());
  }
  HOCKET_TRY(no_zeros(to.arguments));
  HOCKET_TRY(no_zeros(to.environment));
  if (command.passes.size() > most_passed)
    return fail("sandbox.failed", fmt::format("more than {} descriptors to pass", most_passed));
  for (const int fd : command.passes) {
    to.passes.push_back(::fcntl(fd, F_DUPFD_CLOEXEC, lowest_ours));
    if (to.passes.back() < 0)
      return fail("sandbox.failed", fmt::format("to pass a descriptor: {}", std::strerror(errno)));
  }
  to.argv = pointers(to.arguments);
  to.envp = pointers(to.environment);
  to.writes = pointers(to.writable);
  return {};
}

/// The listening socket that a child hands out; -1: it could not.
int door_from(int over) {
  char byte = 0;
  iovec what{&byte, 1};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &what;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  ssize_t n = 0;
  while ((n = ::recvmsg(over, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  const auto* const head = n == 1 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (head == nullptr || head->cmsg_type != SCM_RIGHTS) return -1;
  int door = -1;
  std::memcpy(&door, CMSG_DATA(head), sizeof door);
  return door;
}

struct closing {
  int fd = -1;
  ~closing() { close_one(fd); }
};

std::string words_of(const start_fault& fault, const std::string& program) {
  const bool at_program = std::string_view(start_steps[fault.step]) == "it";
  return fmt::format("{}: {}: {}{}", program, start_steps[fault.step], std::strerror(fault.why),
                     at_program && fault.why == EACCES
                         ? " (it, or what its first line names, lies outside of what a sandbox "
                           "may run: name the folder in `runs`)"
                         : "");
}

/// What the child waits for before it becomes the program, and what it told. A child that is gone
/// already told why: that is what went wrong, not that nobody listens.
result<void> let_go(const sandbox_command& command, const control_group* group, int pid, int go,
                    int told) {
  const auto taken = group != nullptr ? group->take_in(pid) : result<void>();
  const bool heard = taken && ::send(go, "g", 1, MSG_NOSIGNAL) == 1;
  if (!heard) ::shutdown(go, SHUT_RDWR);  // it ends
  start_fault fault;
  ssize_t n = 0;
  while ((n = ::read(told, &fault, sizeof fault)) < 0 && errno == EINTR) {
  }
  if (n == sizeof fault) return fail("sandbox.failed", words_of(fault, command.program));
  if (!taken) return taken;
  if (!heard) return fail("sandbox.failed", command.program + ": it ended before it began");
  return {};
}

}  // namespace

result<sandboxed> spawn(const sandbox_command& command, const sandbox_rules& rules,
                        const kernel_support& kernel) {
  if (!kernel.filter)
    return fail("sandbox.not_confined",
                "this kernel filters no system calls (CONFIG_SECCOMP_FILTER): " + command.program +
                    " is not started, since nothing would confine it");
  HOCKET_TRY(is_program(command.program));
  for (const auto& entry : rules.reaches) HOCKET_TRY(is_egress_entry(entry));
  const bool some_network = rules.network || !rules.reaches.empty();
  const bool has_door = !rules.network && !rules.reaches.empty() && kernel.namespaces;
  const bool mounts = kernel.mounts && kernel.namespaces;
  // A control group counts what processes share; the limits of each process do not.
  const auto filter = system_call_filter({some_network, mounts, kernel.groups});
  if (!filter) return fail(filter);
  start_texts texts;
  HOCKET_TRY(fill(texts, command, rules, has_door));

  start_plan plan;
  plan.program = command.program.c_str();
  plan.arguments = texts.argv.data();
  plan.environment = texts.envp.data();
  plan.folder = command.folder.c_str();
  plan.passes = texts.passes.data();
  plan.passed = static_cast<int>(texts.passes.size());
  plan.namespaces = kernel.namespaces;
  plan.mounts = mounts;
  plan.hide_zeros = mounts && !kernel.groups && kernel.landlock == 0;
  plan.writable = texts.writes.data();
  plan.keep_network = some_network && !has_door;
  plan.uid = ::geteuid();
  plan.gid = ::getegid();
  plan.limits = limits_of(rules, kernel.namespaces);
  plan.filter = {static_cast<unsigned short>((*filter)->size()),
                 const_cast<sock_filter*>((*filter)->data())};
  closing ruleset, our_door, their_door;
  if (kernel.landlock > 0) {
    const auto made = landlock_ruleset(command.program, rules, kernel.landlock, kernel.groups);
    if (!made) return fail(made);
    ruleset.fd = plan.ruleset = *made;
  }
  pipe_ends in, out, err, told, go;
  if (!in.open(true) || !out.open(false) || !err.open(false) || !told.open(false) ||
      !go.open_sockets())
    return fail("sandbox.failed", fmt::format("no pipes: {}", std::strerror(errno)));
  plan.in = in.theirs;
  plan.out = out.theirs;
  plan.err = err.theirs;
  plan.told = told.theirs;
  plan.go = go.theirs;
  if (has_door) {
    int both[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) != 0)
      return fail("sandbox.failed", fmt::format("no sockets: {}", std::strerror(errno)));
    our_door.fd = both[0];
    their_door.fd = both[1];
    plan.door = both[1];
  }

  sandboxed child;
  if (kernel.groups) {
    auto group = control_group::make(rules.memory_bytes, rules.processes);
    if (!group) return fail(group);
    child.group_ = std::move(*group);
  }
  child.pid_ = starter::one().start(plan);
  if (child.pid_ < 0)
    return fail("sandbox.failed",
                fmt::format("no process for {}: {}", command.program, std::strerror(-child.pid_)));
  for (auto* p : {&in, &out, &err, &told, &go}) close_one(p->theirs);
  close_one(their_door.fd);
  HOCKET_TRY(let_go(command, child.group_.get(), child.pid_, go.ours, told.ours));
  if (has_door) {
    const int door = door_from(our_door.fd);
    if (door < 0) return fail("sandbox.failed", command.program + ": no door out of its network");
    auto proxy = egress::start(door, rules.reaches, command.program);
    if (!proxy) return fail(proxy);
    child.egress_ = std::move(*proxy);
  }
  child.in_ = std::exchange(in.ours, -1);
  child.out_ = std::exchange(out.ours, -1);
  child.err_ = std::exchange(err.ours, -1);
  child.gaps_ = gaps_of(kernel, some_network, !rules.network && !rules.reaches.empty());
  return child;
}

}  // namespace hocket::trust
