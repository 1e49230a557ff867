// What happens between fork and exec. System calls alone: another thread may have held any lock.
#include "graph/trust/sandbox/start.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

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
#ifdef SYS_mount_setattr
constexpr long mount_setattr_call = SYS_mount_setattr;
#else
constexpr long mount_setattr_call = 442;
#endif
#ifdef SYS_open_tree
constexpr long open_tree_call = SYS_open_tree, move_mount_call = SYS_move_mount;
#else
constexpr long open_tree_call = 428, move_mount_call = 429;
#endif
constexpr int first_passed = 3;
constexpr int most_writable = 32;
// linux/mount.h beside sys/mount.h does not compile with every C library: its numbers.
constexpr unsigned clone_tree = 1, whole_tree = AT_RECURSIVE, from_empty = 4 /*F_EMPTY_PATH*/;
struct mount_attributes {
  std::uint64_t set, clear, propagation, user_namespace;
};
constexpr std::uint64_t read_only = 1;

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
  for (int i = 0; i < p.passed; ++i)
    if (::dup2(p.passes[i], first_passed + i) < 0) return false;
  const int told_at = first_passed + p.passed;
  return ::dup2(p.in, 0) >= 0 && ::dup2(p.out, 1) >= 0 && ::dup2(p.err, 2) >= 0 &&
         ::dup2(p.told, told_at) >= 0 && ::fcntl(told_at, F_SETFD, FD_CLOEXEC) == 0;
}

void close_others(int told_at) {
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

/// A socket of this network namespace that listens on its loopback, handed to who started us.
bool hand_out_door(int over) {
  ifreq loopback{};
  loopback.ifr_name[0] = 'l', loopback.ifr_name[1] = 'o';
  const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (any < 0 || ::ioctl(any, SIOCGIFFLAGS, &loopback) != 0) return false;
  loopback.ifr_flags |= IFF_UP;
  if (::ioctl(any, SIOCSIFFLAGS, &loopback) != 0) return false;
  ::close(any);
  int door = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(egress_port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (door < 0 || ::bind(door, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(door, 64) != 0)
    return false;
  char byte = 'd';
  iovec what{&byte, 1};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof door)] = {};
  msghdr message{};
  message.msg_iov = &what;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  auto* const head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof door);
  auto* const to = CMSG_DATA(head);
  for (std::size_t i = 0; i < sizeof door; ++i)
    to[i] = reinterpret_cast<const unsigned char*>(&door)[i];
  const bool done = ::sendmsg(over, &message, MSG_NOSIGNAL) == 1;
  ::close(door);
  ::close(over);
  return done;
}

/// Whether whoever made us still wants it. Its end of the socket may be held by a child that it made
/// beside us: then the signal of its death, which is asked for before, ends us.
bool is_let_go(int go) {
  char word = 0;
  ssize_t n = 0;
  while ((n = ::read(go, &word, 1)) < 0 && errno == EINTR) {
  }
  return n == 1 && word == 'g';
}

[[noreturn]] void give_up(int at, int step) {
  const start_fault fault{step, errno};
  (void)!::write(at, &fault, sizeof fault);
  ::_exit(127);
}

}  // namespace

const char* const start_steps[] = {
    "its user",  "its folder",       "its limits", "its pipes",  "its capabilities",
    "its files", "its system calls", "it",         "its mounts", "its door"};

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

bool make_read_only(const char* const* writable) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  // The trees are taken before, so that they keep what they have, and put in their places again.
  int trees[most_writable];
  int n = 0;
  for (; writable[n] != nullptr; ++n) {
    if (n == most_writable) return errno = E2BIG, false;
    trees[n] = static_cast<int>(
        ::syscall(open_tree_call, AT_FDCWD, writable[n], clone_tree | whole_tree | O_CLOEXEC));
    if (trees[n] < 0) return false;
  }
  mount_attributes attributes{read_only, 0, 0, 0};
  if (::syscall(mount_setattr_call, AT_FDCWD, "/", whole_tree, &attributes, sizeof attributes) != 0)
    return false;
  for (int i = 0; i < n; ++i) {
    if (::syscall(move_mount_call, trees[i], "", AT_FDCWD, writable[i], from_empty) != 0)
      return false;
    ::close(trees[i]);
  }
  return true;
}

[[noreturn]] void become(const start_plan& p) {
  forget_signals();
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) give_up(p.told, 2);
  (void)::setsid();
  if (p.namespaces && !map_user(p.uid, p.gid)) give_up(p.told, 0);
  if (p.mounts && !make_read_only(p.writable)) give_up(p.told, 8);
  if (p.mounts && p.hide_zeros &&
      ::mount("/dev/null", "/dev/zero", nullptr, MS_BIND, nullptr) != 0 && errno != ENOENT)
    give_up(p.told, 8);
  if (p.door >= 0 && !hand_out_door(p.door)) give_up(p.told, 9);
  if (::chdir(p.folder) != 0) give_up(p.told, 1);
  if (!is_let_go(p.go)) ::_exit(127);  // nobody is left to tell
  if (!take_limits(p)) give_up(p.told, 2);
  // Again: what changes who we are takes it away.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) give_up(p.told, 2);
  if (!give_up_capabilities()) give_up(p.told, 4);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up(p.told, 4);
  if (p.ruleset >= 0 && ::syscall(restrict_self, p.ruleset, 0) != 0) give_up(p.told, 5);
  if (!take_pipes(p)) give_up(p.told, 3);
  const int told_at = first_passed + p.passed;
  close_others(told_at);
  if (::prctl(PR_SET_SECCOMP, 2 /*SECCOMP_MODE_FILTER*/, &p.filter, 0, 0) != 0) give_up(told_at, 6);
  ::execve(p.program, p.arguments, p.environment);
  give_up(told_at, 7);
}

}  // namespace hocket::trust
