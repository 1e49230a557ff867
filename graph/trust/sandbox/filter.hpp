#pragma once

#include <linux/filter.h>

#include <vector>

#include "graph/core/result.hpp"

namespace hocket::trust {

/// The system calls that a confined program may make, as the kernel wants them. Refused with EPERM:
/// what changes namespaces, mounts, modules, clocks, keys, other processes or the filter's own
/// grounds (io_uring, calls of another architecture). `network` false: sockets, too (EACCES); pairs
/// of them inside the program stay. `modes` false: no change of modes, owners, times and attributes of
/// files either, since nothing else keeps them (landlock does not). Files that run as their owner
/// cannot be made. Made once for each. Errors: sandbox.failed.
result<const std::vector<sock_filter>*> system_call_filter(bool network, bool modes);

}  // namespace hocket::trust
