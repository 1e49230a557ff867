// What happens between fork and exec. System calls alone: another thread may have held any lock.
#include "graph/trust/sandbox/start.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace hocket::trust {
namespace {

#ifdef SYS_landlock_restrict_self
constexpr long restrict_self = SYS_landlock_restrict_self;
#else
constexpr long restrict_self = 446;
#endif
#ifdef SYS_close_range
constexpr long close_range_call = SYS_close_range;
#else
constexpr long close_range_call = 436;
#endif
constexpr int told_at = 3;

/// "1000 4711 1": written without the C library's formatting.
int line_of_map(char* to, unsigned long outside) {
  constexpr char inside[] = "1000 ";
  int n = 0;
  for (const char* c = inside; *c != '\0'; ++c) to[n++] = *c;
  char digits[24];
  int d = 0;
  do {
    digits[d++] = static_cast<char>('0' + outside % 10);
    outside /= 10;
  } while (outside != 0);
  while (d > 0) to[n++] = digits[--d];
  for (const char* c = " 1\n"; *c != '\0'; ++c) to[n++] = *c;
  return n;
}

bool put(const char* path, const char* text, int size) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = ::write(fd, text, static_cast<std::size_t>(size)) == size;
  ::close(fd);
  return done;
}

bool give_up_capabilities() {
  for (int c = 0; c < 64; ++c) (void)::prctl(PR_CAPBSET_DROP, c, 0, 0, 0);  // EINVAL: not known
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  return ::syscall(SYS_capset, &head, none) == 0;
}

void forget_signals() {
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  for (int s = 1; s < 65; ++s) (void)::sigaction(s, &plain, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool take_pipes(const start_plan& p) {
  return ::dup2(p.in, 0) >= 0 && ::dup2(p.out, 1) >= 0 && ::dup2(p.err, 2) >= 0 &&
         ::dup2(p.told, told_at) >= 0 && ::fcntl(told_at, F_SETFD, FD_CLOEXEC) == 0;
}

void close_others() {
  if (::syscall(close_range_call, told_at + 1, ~0U, 0) == 0) return;
  rlimit most{};
  ::getrlimit(RLIMIT_NOFILE, &most);
  for (rlim_t fd = told_at + 1; fd < most.rlim_max && fd < 1 << 20; ++fd)
    ::close(static_cast<int>(fd));
}

bool take_limits(const start_plan& p) {
  for (const auto& [what, limit] : p.limits) {
    rlimit now = limit, most{};
    const auto of = static_cast<__rlimit_resource>(what);
    if (::getrlimit(of, &most) != 0) return false;
    if (most.rlim_max < now.rlim_max) now.rlim_max = now.rlim_cur = most.rlim_max;
    if (::setrlimit(of, &now) != 0) return false;
  }
  return true;
}

[[noreturn]] void give_up(int at, int step) {
  const start_fault fault{step, errno};
  (void)!::write(at, &fault, sizeof fault);
  ::_exit(127);
}

}  // namespace

const char* const start_steps[] = {
    "its user",         "its folder", "its limits",       "its pipes",
    "its capabilities", "its files",  "its system calls", "it"};

int fork_into(unsigned long flags) {
#if defined(__s390__) || defined(__CRIS__)
#error "the order of clone's arguments is another one here"
#endif
  const auto child = ::syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
  return child < 0 ? -errno : static_cast<int>(child);
}

bool map_user(unsigned uid, unsigned gid) {
  char line[48];
  (void)put("/proc/self/setgroups", "deny", 4);  // not there before Linux 3.19, nor needed
  return put("/proc/self/uid_map", line, line_of_map(line, uid)) &&
         put("/proc/self/gid_map", line, line_of_map(line, gid));
}

[[noreturn]] void become(const start_plan& p) {
  forget_signals();
  (void)::setsid();
  if (p.namespaces && !map_user(p.uid, p.gid)) give_up(p.told, 0);
  if (::chdir(p.folder) != 0) give_up(p.told, 1);
  if (!take_limits(p)) give_up(p.told, 2);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) give_up(p.told, 2);
  if (!give_up_capabilities()) give_up(p.told, 4);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up(p.told, 4);
  if (p.ruleset >= 0 && ::syscall(restrict_self, p.ruleset, 0) != 0) give_up(p.told, 5);
  if (!take_pipes(p)) give_up(p.told, 3);
  close_others();
  if (::prctl(PR_SET_SECCOMP, 2 /*SECCOMP_MODE_FILTER*/, &p.filter, 0, 0) != 0) give_up(told_at, 6);
  ::execve(p.program, p.arguments, p.environment);
  give_up(told_at, 7);
}

}  // namespace hocket::trust
