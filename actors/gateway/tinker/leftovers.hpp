#pragma once

#include "graph/trust/files.hpp"

namespace hocket::tinker {

/// Removes what writers left in a store's folder that were cut short: drafts of processes that are gone,
/// and data that has had no record for an hour (another server may be between the two). Nobody lists
/// or counts these, so they would stay for ever. Only beneath `checkpoints` and `runs`: the folder may have other
/// files. A draft whose lock is held, and what cannot be removed, stays. Before this process writes there.
void remove_leftovers(const trust::folder& folder);

}  // namespace hocket::tinker
