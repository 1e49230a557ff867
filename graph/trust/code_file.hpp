#pragma once

#include <string>
#include <vector>

#include "graph/core/result.hpp"

/// Files that code comes from while a run goes on: which ones the operator meant, and who else could
/// change what they hold.
namespace hocket::trust {

/// Whether one of `patterns` (paths; `*`, `?` and `[...]` stand for parts of one name, for no `/`)
/// means this file. Links are followed on both sides first, so that a link within a folder that is
/// meant leads nowhere else.
bool is_meant(const std::string& file, const std::vector<std::string>& patterns);

/// Whether nobody but this user and root can change a file, or put another in its place: by owner and
/// mode of the file and of its folder. One that is not there is left to who opens it.
/// Errors: plugin.cannot_load, with the remedy.
result<void> check_unchangeable(const std::string& file);

}  // namespace hocket::trust
