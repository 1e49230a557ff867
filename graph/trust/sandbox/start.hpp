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

/// In a mount namespace of one's own: everything is read-only from here on, but what lies beneath
/// `writable` (ends with a null pointer), which are paths as they are now. At most 32 of them.
bool make_read_only(const char* const* writable);

/// The port of the door in a sandbox's own network, on its loopback.
constexpr unsigned short egress_port = 3128;

/// All that a child needs, made before there is one: it may not ask for memory.
struct start_plan {
  const char* program = nullptr;
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  const char* folder = nullptr;
  int in = -1, out = -1, err = -1, told = -1;  ///< its ends of the pipes, all above 31
  int go =
      -1;  ///< a socket: it waits for a byte before it becomes the program; without one it ends
  const int* passes = nullptr;  ///< all above 31
  int passed = 0;
  int door = -1;  ///< a socket over which it hands out a listening one of its own network; -1: none
  int ruleset = -1;  ///< landlock's; -1: none
  bool namespaces = false;
  bool mounts = false;                    ///< read-only ones of its own
  bool hide_zeros = false;                ///< of mounts: /dev/zero, mapped, is memory nobody counts
  const char* const* writable = nullptr;  ///< for make_read_only
  bool keep_network = false;              ///< of namespaces: all but that of the network
  unsigned uid = 0, gid = 0;              ///< outside
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
