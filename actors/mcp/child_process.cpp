#include "actors/mcp/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

namespace hocket::mcp {
namespace {

using steady = std::chrono::steady_clock;

/// Descriptors that are closed at the end, unless somebody takes them.
struct pipe_ends {
  int read = -1, write = -1;
  ~pipe_ends() {
    if (read >= 0) close(read);
    if (write >= 0) close(write);
  }
  bool open() {
    int both[2];
    if (pipe2(both, O_CLOEXEC) != 0) return false;
    read = both[0], write = both[1];
    return true;
  }
};

/// Where the program lies: as its own PATH says, since ours is not what it gets.
result<std::string> find_program(const std::vector<std::string>& command,
                                 const std::map<std::string, std::string>& environment) {
  if (command.empty()) return fail("mcp.cannot_start", "no command");
  const auto& name = command[0];
  if (name.find('/') != name.npos) return name;
  const auto given = environment.find("PATH");
  const std::string path =
      given == environment.end() ? "/usr/local/bin:/usr/bin:/bin" : given->second;
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find(':', at), path.size());
    const auto candidate = path.substr(at, end - at) + "/" + name;
    if (end > at && access(candidate.c_str(), X_OK) == 0) return candidate;
    at = end + 1;
  }
  return fail("mcp.cannot_start", name + ": not found in the PATH that it gets");
}

/// Runs between fork and exec: calls of the kernel only.
[[noreturn]] void become(const char* program, char* const* arguments, char* const* environment,
                         const char* folder, const int streams[3], int report, pid_t parent) {
  const auto failed = [&] {
    const int why = errno;
    [[maybe_unused]] const auto told = write(report, &why, sizeof why);
    _exit(127);
  };
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(127);
  for (int i = 0; i < 3; ++i)
    if (dup2(streams[i], i) < 0) failed();
  if (report != 3 && dup3(report, 3, O_CLOEXEC) < 0) failed();
  report = 3;
  if (syscall(SYS_close_range, 4u, ~0u, 0u) != 0)
    for (int fd = 4; fd < 65536; ++fd) close(fd);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  if (folder[0] != '\0' && chdir(folder) != 0) failed();
  execve(program, arguments, environment);
  failed();
  _exit(127);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const auto& t : texts) out.push_back(const_cast<char*>(t.c_str()));
  out.push_back(nullptr);
  return out;
}

std::string how_it_ended(int status) {
  if (WIFEXITED(status)) return fmt::format("exit status {}", WEXITSTATUS(status));
  if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
  return "it ended";
}

/// The pipes must not be at 0 to 3 in the child: there they would be written over.
bool above_the_streams(int& fd) {
  if (fd > 3) return true;
  const int moved = fcntl(fd, F_DUPFD_CLOEXEC, 4);
  if (moved < 0) return false;
  close(fd);
  fd = moved;
  return true;
}

}  // namespace

result<child_process> child_process::confined(const std::vector<std::string>& command,
                                              const std::string& folder,
                                              const trust::sandbox_rules& rules) {
  auto program = find_program(command, rules.environment);
  if (!program) return fail(program);
  // From here on relative names are those of another folder.
  std::error_code failed;
  const auto whole = std::filesystem::absolute(*program, failed);
  if (!failed) *program = whole.string();
  // Whole, too: "." stays on the mount that was writable nowhere.
  const auto here = std::filesystem::absolute(folder.empty() ? "." : folder, failed);
  auto child = trust::spawn({*program,
                             {command.begin() + 1, command.end()},
                             failed ? folder : here.lexically_normal().string()},
                            rules);
  if (!child) {
    const bool unconfined = child.error().code == "sandbox.not_confined";
    return fail("mcp.cannot_start",
                child.error().message +
                    (unconfined ? "; `confine: false` starts it with all that you may" : ""));
  }
  child_process made;
  made.confined_ = std::move(*child);
  const auto streams = made.confined_->take_streams();
  made.in = streams[0], made.out = streams[1], made.err = streams[2];
  for (const int fd : streams) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return made;
}

result<child_process> child_process::start(const std::vector<std::string>& command,
                                           const std::string& folder,
                                           const std::map<std::string, std::string>& environment) {
  const auto program = find_program(command, environment);
  if (!program) return fail(program);
  const auto cannot = [&](const std::string& why) {
    return fail("mcp.cannot_start", command[0] + ": " + why);
  };
  pipe_ends in, out, err, report;
  if (!in.open() || !out.open() || !err.open() || !report.open()) return cannot(strerror(errno));
  for (int* fd : {&in.read, &out.write, &err.write, &report.write})
    if (!above_the_streams(*fd)) return cannot(strerror(errno));
  std::vector<std::string> given;
  for (const auto& [name, text] : environment) given.push_back(name + "=" + text);
  const auto arguments = pointers(command), variables = pointers(given);
  const int streams[3] = {in.read, out.write, err.write};
  const auto parent = getpid();
  const auto pid = fork();
  if (pid < 0) return cannot(strerror(errno));
  if (pid == 0)
    become(program->c_str(), arguments.data(), variables.data(), folder.c_str(), streams,
           report.write, parent);
  setpgid(pid, pid);
  close(std::exchange(report.write, -1));
  int why = 0;
  ssize_t got;
  do got = read(report.read, &why, sizeof why);
  while (got < 0 && errno == EINTR);
  if (got == sizeof why) {
    waitpid(pid, nullptr, 0);
    return cannot(folder.empty() ? strerror(why)
                                 : fmt::format("{} (in {})", strerror(why), folder));
  }
  child_process made;
  made.pid_ = pid;
  made.in = std::exchange(in.write, -1);
  made.out = std::exchange(out.read, -1);
  made.err = std::exchange(err.read, -1);
  for (const int fd : {made.in, made.out, made.err})
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return made;
}

void child_process::close_streams() {
  for (int* fd : {&in, &out, &err})
    if (*fd >= 0) close(std::exchange(*fd, -1));
}

std::string child_process::end_confined(int patience_ms) {
  auto code = confined_->wait(patience_ms);
  if (!code) {
    confined_->ask_to_end();
    code = confined_->wait(patience_ms);
  }
  if (!code) {
    confined_->kill();
    code = confined_->wait();
  }
  confined_.reset();  // and what it started and left behind
  return *code > 128 && *code <= 128 + 64 ? fmt::format("signal {}", *code - 128)
                                          : fmt::format("exit status {}", *code);
}

std::string child_process::end(int patience_ms) {
  close_streams();
  if (confined_) return end_confined(patience_ms);
  if (pid_ < 0) return "it was not there";
  int status = 0;
  const auto gone = [&](int ms) {
    const auto until = steady::now() + std::chrono::milliseconds(ms);
    for (;;) {
      const auto got = waitpid(pid_, &status, WNOHANG);
      if (got == pid_ || (got < 0 && errno != EINTR)) return true;
      if (steady::now() >= until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  };
  bool is_gone = gone(patience_ms);
  if (!is_gone) {
    kill(-pid_, SIGTERM);
    is_gone = gone(patience_ms);
  }
  kill(-pid_, SIGKILL);  // and what it started and left behind
  if (!is_gone) waitpid(pid_, &status, 0);
  pid_ = -1;
  return how_it_ended(status);
}

}  // namespace hocket::mcp
