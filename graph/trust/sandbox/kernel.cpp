#include "graph/trust/sandbox/kernel.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include <fmt/format.h>

#include "graph/trust/sandbox/control_group.hpp"
#include "graph/trust/sandbox/reach.hpp"
#include "graph/trust/sandbox/start.hpp"

namespace hocket::trust {
namespace {

// Not told by a setting: containers and security modules refuse in ways of their own.
bool namespaces_work(bool with_mounts) {
  const unsigned uid = ::geteuid(), gid = ::getegid();
  const int child = fork_into(namespace_flags | (with_mounts ? CLONE_NEWNS : 0));
  if (child < 0) return false;
  if (child == 0) {
    const char* const none[] = {nullptr};
    ::_exit(map_user(uid, gid) && (!with_mounts || make_read_only(none)) ? 0 : 1);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool filters_work() {
  // With no filter to read: EFAULT where the kernel would take one.
  return ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 &&
         (::syscall(SYS_seccomp, 1 /*SECCOMP_SET_MODE_FILTER*/, 0, nullptr) == 0 ||
          errno == EFAULT || errno == EACCES);
}

}  // namespace

const kernel_support& what_kernel_gives() {
  static const kernel_support known{namespaces_work(false), filters_work(),
                                    landlock_version(),     namespaces_work(true),
                                    control_group::there(), control_group::why_not()};
  return known;
}

const kernel_support& what_kernel_would_give() {
  static const kernel_support known = [] {
    kernel_support k{namespaces_work(false), filters_work(), landlock_version(),
                     namespaces_work(true)};
    k.why_no_groups = control_group::why_not_as_seen();
    k.groups = k.why_no_groups.empty();
    return k;
  }();
  return known;
}

std::vector<sandbox_gap> gaps_of(const kernel_support& kernel, bool network, bool egress) {
  std::vector<sandbox_gap> out;
  if (!kernel.filter)
    out.push_back({"system calls: this kernel filters none, so nothing is started in a sandbox",
                   "a kernel with CONFIG_SECCOMP_FILTER"});
  if (kernel.landlock == 0)
    out.push_back({"files: what this user may read and write, a program in a sandbox may, too",
                   "Linux 5.13 with landlock among `lsm=`; in a container: a runtime that lets "
                   "its calls through"});
  else if (kernel.landlock < 3)
    out.push_back(
        {"files: a program in a sandbox may empty files that this user may write", "Linux 6.2"});
  if (!kernel.namespaces)
    out.push_back({network ? "processes: a program in a sandbox sees those of this user"
                           : "processes and network: a program in a sandbox sees the processes of "
                             "this user, and the filter of system calls alone keeps it from the "
                             "network",
                   "user namespaces: sysctl kernel.unprivileged_userns_clone=1 and "
                   "user.max_user_namespaces above 0; in a container: one that may make them"});
  if (egress && !kernel.namespaces)
    out.push_back({"addresses: a program in a sandbox reaches more than those that it was given",
                   "user namespaces, as above"});
  if (!kernel.mounts)
    out.push_back(
        {"modes and times of files: a program in a sandbox changes none, not even of its "
         "own files",
         "Linux 5.12 with user namespaces"});
  if (!kernel.groups)
    out.push_back(
        {fmt::format("limits: memory of each process of a sandbox, not of all of them together{}{}",
                     ::geteuid() == 0 ? ", and, since this is root, not how many they are" : "",
                     kernel.why_no_groups.empty() ? "" : " (" + kernel.why_no_groups + ")"),
         "a control group (version 2) that is ours alone: systemd-run --user --scope -p "
         "Delegate=yes, or `Delegate=memory pids` with `ProtectControlGroups=no` in a drop-in of "
         "the unit"});
  return out;
}

}  // namespace hocket::trust
