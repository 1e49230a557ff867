// The test set as files that other systems and programs can read (README.md has the layout).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/core/result.hpp"
#include "tools/duplex/families.hpp"

namespace hocket::duplex {

/// Folder of an item below the set's, such as `v1_5/user_backchannel/0007`.
std::string folder_of(const item_spec& of);

/// Writes every item and `index.json`. *Errors*: those of make_item; duplex.file.
result<void> write_set(const std::string& folder, std::uint64_t seed,
                       const std::vector<item_spec>& specs,
                       const std::function<void(std::size_t done, std::size_t all)>& progress);

/// Uncompressed AVI, 24 bits per pixel, frames at their even distance. *Errors*: duplex.file.
result<void> write_avi(const std::string& path, const std::vector<picture_frame>& frames);

}  // namespace hocket::duplex
