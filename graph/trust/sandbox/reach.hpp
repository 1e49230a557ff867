#pragma once

#include "graph/core/result.hpp"
#include "graph/trust/sandbox/sandbox.hpp"

namespace hocket::trust {

/// A landlock ruleset with what the rules name and what every program needs; its descriptor is the
/// caller's. The program itself may be run. `counts_shared`: something limits memory that is shared, so
/// that /dev/zero may be mapped. Errors: sandbox.no_path, sandbox.failed.
result<int> landlock_ruleset(const std::string& program, const sandbox_rules& rules, int version,
                             bool counts_shared);

/// The version of landlock's interface; 0 where the kernel has none or keeps it off.
int landlock_version();

}  // namespace hocket::trust
