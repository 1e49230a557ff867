// Where a component's ledger lies.
#pragma once

#include <string>

#include "graph/trust/capability.hpp"

namespace hocket::governance {

/// The path of a ledger beneath a run's output folder, where an empty file is made if there is none. One that
/// is there is not opened: closing any descriptor of a file ends all of a process's locks on it, also those that
/// SQLite holds in another thread. *Errors*: those of capability::create. *Threads*: any.
result<std::string> ledger_file(const trust::capability& may, const std::string& name);

}  // namespace hocket::governance
