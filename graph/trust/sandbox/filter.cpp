#include "graph/trust/sandbox/filter.hpp"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace hocket::trust {
namespace {

// By name: a kernel or a libseccomp that does not know one cannot offer it either.
constexpr const char* refused[] = {
    // namespaces, mounts, roots
    "unshare", "setns", "mount", "umount", "umount2", "pivot_root", "chroot", "move_mount",
    "open_tree", "fsopen", "fsmount", "fsconfig", "fspick", "mount_setattr",
    // other processes and their memory
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease",
    "kcmp", "pidfd_getfd", "perf_event_open", "move_pages", "migrate_pages",
    // kernel, modules, clocks, accounting
    "init_module", "finit_module", "delete_module", "create_module", "kexec_load",
    "kexec_file_load", "reboot", "swapon", "swapoff", "syslog", "acct", "quotactl", "quotactl_fd",
    "settimeofday", "stime", "adjtimex", "clock_adjtime", "clock_settime", "clock_settime64",
    "sethostname", "setdomainname", "iopl", "ioperm", "vhangup", "uselib", "_sysctl",
    "lookup_dcookie", "nfsservctl", "vm86", "vm86old", "modify_ldt",
    // keys, programs in the kernel, ways around this filter or around paths
    "add_key", "request_key", "keyctl", "bpf", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "name_to_handle_at", "open_by_handle_at", "fanotify_init", "fanotify_mark",
    "personality", "mknod", "mknodat"};

using context = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

int refuse_all(scmp_filter_ctx c) {
  for (const char* name : refused) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) continue;
    const int done = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), number, 0);
    if (done != 0 && done != -EDOM) return done;
  }
  return 0;
}

// clone3 keeps its flags in memory, where no filter sees them: C libraries fall back to clone.
int refuse_new_namespaces(scmp_filter_ctx c) {
  if (const int done = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0); done != 0)
    return done;
  for (const std::uint64_t flag :
       {std::uint64_t{CLONE_NEWUSER}, std::uint64_t{CLONE_NEWNS}, std::uint64_t{CLONE_NEWPID},
        std::uint64_t{CLONE_NEWNET}, std::uint64_t{CLONE_NEWIPC}, std::uint64_t{CLONE_NEWUTS},
        std::uint64_t{CLONE_NEWCGROUP}}) {
    const int done = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                      SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
    if (done != 0) return done;
  }
  // Keys pressed in the name of whoever sits at the terminal.
  for (const std::uint64_t what : {std::uint64_t{TIOCSTI}, std::uint64_t{0x541c} /*TIOCLINUX*/}) {
    const int done = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                                      SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU, what));
    if (done != 0) return done;
  }
  return 0;
}

// With the network: addresses alone. A socket file may be another program's door (a container's, a
// bus's) that no rule about files closes.
int limit_sockets(scmp_filter_ctx c, bool network) {
  // One of a pair of datagram sockets sends to any socket file; the kernel reads SOCK_RAW as such.
  for (const std::uint64_t type : {std::uint64_t{SOCK_DGRAM}, std::uint64_t{SOCK_RAW}}) {
    const int done = seccomp_rule_add(c, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socketpair), 1,
                                      SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, type));
    if (done != 0) return done;
  }
  if (!network) return seccomp_rule_add(c, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 0);
  constexpr std::uint64_t families = 64;  // more than there are
  for (std::uint64_t family = 0; family < families; ++family) {
    if (family == AF_INET || family == AF_INET6 || family == AF_NETLINK) continue;
    const int done = seccomp_rule_add(c, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1,
                                      SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffffU, family));
    if (done != 0) return done;
  }
  return seccomp_rule_add(c, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1,
                          SCMP_A0(SCMP_CMP_GE, families));
}

// By which anybody could have what its owner has: root's, where we are root.
constexpr std::uint64_t run_as_owner[] = {S_ISUID, S_ISGID};
struct mode_argument {
  const char* call;
  unsigned mode;
  int flags;  ///< where O_CREAT stands; -1: it always makes something
};
constexpr mode_argument with_modes[] = {
    {"chmod", 1, -1}, {"fchmod", 1, -1}, {"fchmodat", 2, -1}, {"fchmodat2", 2, -1},
    {"creat", 1, -1}, {"open", 2, 1},    {"openat", 3, 2}};

int refuse_owners_rights(scmp_filter_ctx c) {
  // Its mode lies in memory, where no filter sees it: C libraries and languages fall back to openat.
  (void)seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2), 0);
  for (const auto& [call, mode, flags] : with_modes) {
    const int number = seccomp_syscall_resolve_name(call);
    if (number == __NR_SCMP_ERROR) continue;
    for (const auto bit : run_as_owner)
      for (const std::uint64_t makes : {std::uint64_t{O_CREAT}, std::uint64_t{O_TMPFILE}}) {
        scmp_arg_cmp on[2] = {
            {mode, SCMP_CMP_MASKED_EQ, bit, bit},
            {static_cast<unsigned>(flags < 0 ? 0 : flags), SCMP_CMP_MASKED_EQ, makes, makes}};
        const int done =
            seccomp_rule_add_array(c, SCMP_ACT_ERRNO(EPERM), number, flags < 0 ? 1 : 2, on);
        if (done != 0 && done != -EDOM && done != -EEXIST) return done;
        if (flags < 0) break;
      }
  }
  return 0;
}

// Where mounts are not ours to make read-only: landlock lets all of these through.
constexpr const char* of_modes[] = {
    "chmod",     "fchmod",      "fchmodat",     "fchmodat2",        "chown",    "fchown",
    "lchown",    "fchownat",    "chown32",      "fchown32",         "lchown32", "utime",
    "utimes",    "futimesat",   "utimensat",    "utimensat_time64", "setxattr", "lsetxattr",
    "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"};

int refuse_modes(scmp_filter_ctx c) {
  for (const char* name : of_modes) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) continue;
    const int done = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), number, 0);
    if (done != 0 && done != -EDOM) return done;
  }
  return 0;
}

// What the limit of a process's data (RLIMIT_DATA) does not hold: memory without a file that is shared,
// and mappings that grow as a stack does.
int refuse_shared_memory(scmp_filter_ctx c) {
  for (const char* name : {"memfd_create", "memfd_secret", "shmget", "shmat"}) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) continue;
    const int done = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), number, 0);
    if (done != 0 && done != -EDOM) return done;
  }
  for (const char* name : {"mmap", "mmap2"}) {
    const int call = seccomp_syscall_resolve_name(name);
    if (call == __NR_SCMP_ERROR) continue;
    const int grows = seccomp_rule_add(
        c, SCMP_ACT_ERRNO(EPERM), call, 1,
        SCMP_A3(SCMP_CMP_MASKED_EQ, std::uint64_t{MAP_GROWSDOWN}, std::uint64_t{MAP_GROWSDOWN}));
    if (grows != 0 && grows != -EDOM) return grows;
    for (const std::uint64_t shared : {std::uint64_t{MAP_SHARED}, std::uint64_t{3 /*_VALIDATE*/}}) {
      const int done =
          seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), call, 1,
                           SCMP_A3(SCMP_CMP_MASKED_EQ, std::uint64_t{MAP_TYPE | MAP_ANONYMOUS},
                                   shared | MAP_ANONYMOUS));
      if (done != 0 && done != -EDOM) return done;
    }
  }
  return 0;
}

result<std::vector<sock_filter>> make(const allowed_calls& may) {
  const context c(seccomp_init(SCMP_ACT_ALLOW), [](scmp_filter_ctx x) { seccomp_release(x); });
  if (!c) return fail("sandbox.failed", "no memory for a filter of system calls");
  int done = seccomp_attr_set(c.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  if (done == 0) done = refuse_all(c.get());
  if (done == 0) done = refuse_new_namespaces(c.get());
  if (done == 0) done = limit_sockets(c.get(), may.network);
  if (done == 0) done = refuse_owners_rights(c.get());
  if (done == 0 && !may.modes) done = refuse_modes(c.get());
  if (done == 0 && !may.shared_memory) done = refuse_shared_memory(c.get());
  const int fd = done == 0 ? ::memfd_create("filter", MFD_CLOEXEC) : -1;
  if (done == 0) done = fd < 0 ? -errno : seccomp_export_bpf(c.get(), fd);
  std::vector<sock_filter> out;
  if (done == 0) {
    out.resize(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)) / sizeof(sock_filter));
    const auto bytes = out.size() * sizeof(sock_filter);
    if (::pread(fd, out.data(), bytes, 0) != static_cast<ssize_t>(bytes)) done = -EIO;
  }
  if (fd >= 0) ::close(fd);
  if (done != 0)
    return fail("sandbox.failed",
                std::string("the filter of system calls: ") + std::strerror(-done));
  return out;
}

}  // namespace

result<const std::vector<sock_filter>*> system_call_filter(const allowed_calls& may) {
  static std::mutex mutex;
  static std::map<std::array<bool, 3>, result<std::vector<sock_filter>>>
      made;  // nothing moves in it
  const std::lock_guard lock(mutex);
  const std::array which{may.network, may.modes, may.shared_memory};
  auto it = made.find(which);
  if (it == made.end()) it = made.emplace(which, make(may)).first;
  if (!it->second) return fail(it->second);
  return &*it->second;
}

}  // namespace hocket::trust
