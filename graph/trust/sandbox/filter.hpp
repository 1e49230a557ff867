#pragma once

#include <linux/filter.h>

#include <vector>

#include "graph/core/result.hpp"

namespace hocket::trust {

/// What a program needs of the calls that are refused otherwise.
struct allowed_calls {
  bool network = false;  ///< sockets of addresses; else none (EACCES), but pairs inside the program
  bool modes = false;    ///< of files: modes, owners, times, attributes, where mounts keep them
  /// Memory that processes share, which no limit of one process counts: where a control group does.
  bool shared_memory = false;
};

/// The system calls that a confined program may make, as the kernel wants them. Refused with EPERM:
/// what changes namespaces, mounts, modules, clocks, keys, other processes or the filter's own
/// grounds (io_uring, calls of another architecture). Files that run as their owner cannot be made.
/// Made once for each. Errors: sandbox.failed. Threads: any.
result<const std::vector<sock_filter>*> system_call_filter(const allowed_calls& may);

}  // namespace hocket::trust
