#pragma once

#include <string>
#include <vector>

namespace hocket::trust {

/// What this kernel, and whatever contains us, lets an ordinary process confine itself with.
struct kernel_support {
  bool namespaces = false;  ///< a user, process, network, IPC and host-name namespace of one's own
  bool filter = false;      ///< seccomp filters of system calls
  int landlock = 0;         ///< version of its interface; 0: none
  bool mounts = false;      ///< of its own, made read-only (Linux 5.12, beside namespaces)
  bool groups = false;      ///< a control group of its own, with limits of memory and processes
  std::string why_no_groups = {};
};

/// Tried once, with a process that ends at once; then remembered. Threads: any.
const kernel_support& what_kernel_gives();
/// The same for who only looks: this process stays in the control group that it is in, and makes none.
const kernel_support& what_kernel_would_give();

/// One thing that a sandbox does without here, and the way to have it.
struct sandbox_gap {
  std::string what;    ///< "files: …"
  std::string remedy;  ///< a sentence
};
/// `egress`: it may reach named addresses alone.
std::vector<sandbox_gap> gaps_of(const kernel_support& kernel, bool network, bool egress = false);

}  // namespace hocket::trust
