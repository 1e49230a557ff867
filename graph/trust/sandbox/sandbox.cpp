#include "graph/trust/sandbox/sandbox.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "graph/trust/sandbox/filter.hpp"
#include "graph/trust/sandbox/reach.hpp"
#include "graph/trust/sandbox/start.hpp"

namespace hocket::trust {
namespace {

using steady = std::chrono::steady_clock;

void close_one(int& fd) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

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
    theirs = ::fcntl(both[we_write ? 0 : 1], F_DUPFD_CLOEXEC, 10);
    ::close(both[we_write ? 0 : 1]);
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
    const int child = fork_into(!plan.namespaces    ? 0
                                : plan.keep_network ? namespace_flags & ~std::uint64_t{CLONE_NEWNET}
                                                    : namespace_flags);
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
                                             {RLIMIT_NOFILE, both(rules.descriptors)}};
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
      gaps_(std::move(o.gaps_)) {}

sandboxed& sandboxed::operator=(sandboxed&& o) noexcept {
  if (this == &o) return *this;
  end();
  pid_ = std::exchange(o.pid_, -1);
  in_ = std::exchange(o.in_, -1);
  out_ = std::exchange(o.out_, -1);
  err_ = std::exchange(o.err_, -1);
  code_ = std::exchange(o.code_, {});
  gaps_ = std::move(o.gaps_);
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
}

void sandboxed::close_in() { close_one(in_); }

void sandboxed::kill() {
  // Not reaped before wait() says so: the number is still the child's.
  if (pid_ <= 0 || code_) return;
  ::kill(-pid_, SIGKILL);  // what it started stays in its group where nothing else holds it
  ::kill(pid_, SIGKILL);
}

std::optional<int> sandboxed::wait(int wait_ms) {
  if (code_ || pid_ <= 0) return code_;
  const auto until = steady::now() + std::chrono::milliseconds(wait_ms);
  for (int pause_ms = 1;; pause_ms = std::min(pause_ms * 2, 20)) {
    int status = 0;
    const auto got = ::waitpid(pid_, &status, wait_ms < 0 ? 0 : WNOHANG);
    if (got == pid_) {
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      return code_;
    }
    if (got < 0 && errno != EINTR) return code_ = 127;  // somebody else reaped it
    if (wait_ms >= 0 && steady::now() >= until) return {};
    if (wait_ms >= 0) std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
  }
}

result<sandboxed> spawn(const sandbox_command& command, const sandbox_rules& rules,
                        const kernel_support& kernel) {
  if (!kernel.filter)
    return fail("sandbox.not_confined",
                "this kernel filters no system calls (CONFIG_SECCOMP_FILTER): " + command.program +
                    " is not started, since nothing would confine it");
  HOCKET_TRY(is_program(command.program));
  const auto filter = system_call_filter(rules.network);
  if (!filter) return fail(filter);
  std::vector<std::string> arguments = {command.program}, environment;
  arguments.insert(arguments.end(), command.arguments.begin(), command.arguments.end());
  for (const auto& [name, text] : rules.environment) environment.push_back(name + "=" + text);
  HOCKET_TRY(no_zeros(arguments));
  HOCKET_TRY(no_zeros(environment));
  const auto argv = pointers(arguments), envp = pointers(environment);

  start_plan plan;
  plan.program = command.program.c_str();
  plan.arguments = argv.data();
  plan.environment = envp.data();
  plan.folder = command.folder.c_str();
  plan.namespaces = kernel.namespaces;
  plan.keep_network = rules.network;
  plan.uid = ::geteuid();
  plan.gid = ::getegid();
  plan.limits = limits_of(rules, kernel.namespaces);
  plan.filter = {static_cast<unsigned short>((*filter)->size()),
                 const_cast<sock_filter*>((*filter)->data())};
  struct closing {
    int fd = -1;
    ~closing() { close_one(fd); }
  } ruleset;
  if (kernel.landlock > 0) {
    const auto made = landlock_ruleset(command.program, rules, kernel.landlock);
    if (!made) return fail(made);
    ruleset.fd = plan.ruleset = *made;
  }
  pipe_ends in, out, err, told;
  if (!in.open(true) || !out.open(false) || !err.open(false) || !told.open(false))
    return fail("sandbox.failed", fmt::format("no pipes: {}", std::strerror(errno)));
  plan.in = in.theirs;
  plan.out = out.theirs;
  plan.err = err.theirs;
  plan.told = told.theirs;

  sandboxed child;
  child.pid_ = starter::one().start(plan);
  if (child.pid_ < 0)
    return fail("sandbox.failed",
                fmt::format("no process for {}: {}", command.program, std::strerror(-child.pid_)));
  for (auto* p : {&in, &out, &err, &told}) close_one(p->theirs);
  start_fault fault;
  ssize_t n = 0;
  while ((n = ::read(told.ours, &fault, sizeof fault)) < 0 && errno == EINTR) {
  }
  if (n == sizeof fault)
    return fail("sandbox.failed", fmt::format("{}: {}: {}", command.program,
                                              start_steps[fault.step], std::strerror(fault.why)));
  child.in_ = std::exchange(in.ours, -1);
  child.out_ = std::exchange(out.ours, -1);
  child.err_ = std::exchange(err.ours, -1);
  child.gaps_ = gaps_of(kernel, rules.network);
  return child;
}

}  // namespace hocket::trust
