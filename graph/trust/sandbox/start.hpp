#pragma once

#include <linux/filter.h>
#include <sys/resource.h>

#include <sched.h>

#include <utility>
#include <vector>

#include "graph/trust/sandbox/sandbox.hpp"

namespace hocket::trust {

constexpr unsigned long namespace_flags =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

/// fork(), into new namespaces, without the C library's handlers: the child of a process with threads
/// makes system calls alone until it is another program. Negative: errno.
int fork_into(unsigned long flags);

/// In new namespaces: this process, whose numbers outside are given, is user 1000 there, and so loses
/// all rights over them when it becomes another program.
bool map_user(unsigned uid, unsigned gid);

/// All that a child needs, made before there is one: it may not ask for memory.
struct start_plan {
  const char* program = nullptr;
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  const char* folder = nullptr;
  int in = -1, out = -1, err = -1, told = -1;  ///< its ends of the pipes, all above 9
  int ruleset = -1;                            ///< landlock's; -1: none
  bool namespaces = false;
  bool keep_network = false;  ///< of namespaces: all but that of the network
  unsigned uid = 0, gid = 0;  ///< outside
  std::vector<std::pair<int, rlimit>> limits;
  sock_fprog filter = {};
};

/// What a child says where it could not become the program.
struct start_fault {
  int step = 0;  ///< an index of start_steps
  int why = 0;   ///< errno
};
extern const char* const start_steps[];

/// The child's way to its program; says a start_fault and ends where it fails.
[[noreturn]] void become(const start_plan& plan);

}  // namespace hocket::trust
