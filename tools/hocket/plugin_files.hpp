#pragma once

#include <string>
#include <vector>

#include "graph/contract/registry.hpp"

namespace hocket::cli {

/// What tells one build of a library from another.
std::string digest_of(const std::string& library);

/// Adds what a plugin registers: a shared library comes into this process, which runs its code; a
/// Python file is asked in a process of its own. Only what the operator of this host allowed may come
/// here. Errors: those of load_plugin and add_python; `into` is then as it was.
result<void> load_any(const std::string& file, registry& into);

/// What the library's manifest declares; nothing of the library runs. False where there is none.
/// Errors: those of check_plugin and check_python (it is missing, no plugin, of another ABI).
result<bool> add_declared(const std::string& library, registry& types);

/// The one of `others` that is this file, also by another name of it; nullptr: none is.
const std::string* find_file(const std::string& file, const std::vector<std::string>& others);

}  // namespace hocket::cli
