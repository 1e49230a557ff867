// The child's way from its start to its loop.
#include "actors/process/child_main.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "actors/process/processes.hpp"
#include "actors/process/worker.hpp"

namespace hocket::process {
namespace {

/// Tells how the worker ended as the shell does: its code, or 128 + signal.
[[noreturn]] void watch_over(pid_t worker) {
  // What it holds of the pipes would keep their readers waiting.
  for (int fd = 0; fd < 16; ++fd)
    if (fd != 2) ::close(fd);
  ::close(2);
  int status = 0;
  while (::waitpid(worker, &status, 0) < 0 && errno == EINTR) {
  }
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/// What a component prints must not come between the frames.
bool set_streams_apart(worker_pipes& pipes) {
  pipes.calls = ::fcntl(0, F_DUPFD_CLOEXEC, 16);
  pipes.replies = ::fcntl(1, F_DUPFD_CLOEXEC, 16);
  pipes.events = ::fcntl(3, F_DUPFD_CLOEXEC, 16);
  const int none = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (pipes.calls < 0 || pipes.replies < 0 || pipes.events < 0 || none < 0) return false;
  return ::dup2(none, 0) == 0 && ::dup2(2, 1) == 1 && ::close(3) == 0;
}

}  // namespace

bool is_child(int argc, char** argv) { return argc > 1 && std::strcmp(argv[1], child_word) == 0; }

int child_main(const child_setup& setup) {
  const pid_t worker = ::fork();
  if (worker < 0) return 126;
  if (worker > 0) watch_over(worker);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::signal(SIGPIPE, SIG_IGN);
  worker_pipes pipes;
  auto out = wire::shm_arena::map_files(6, 7, arena_bytes, true);
  auto in = wire::shm_arena::map_files(4, 5, arena_bytes, false);
  if (!out || !in || !set_streams_apart(pipes)) {
    std::fprintf(stderr, "%s is started by a run alone\n", child_word);
    return 2;
  }
  for (int fd = 4; fd < 8; ++fd) ::close(fd);
  return work(setup, pipes, std::make_shared<channel>(std::move(*out), std::move(*in)));
}

}  // namespace hocket::process
