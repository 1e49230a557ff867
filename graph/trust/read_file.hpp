#pragma once

#include <cstdint>
#include <string>

#include "graph/core/result.hpp"

namespace hocket::trust {

/// What a file holds that somebody gave us: a plain one, or a pipe that a shell handed over
/// (`/dev/stdin`, `/dev/fd/63`). A named pipe, a folder or a device in its place neither holds us up nor
/// fills the memory. Errors: files.cannot_read, files.too_large.
result<std::string> read_given_file(const std::string& path, std::uint64_t max_bytes);

/// What a file of secrets holds: a plain one of this user's (or root's) that nobody else can read or
/// write. Looks at the very file that is read; the text is the caller's to wipe. Errors: as above.
result<std::string> read_private_file(const std::string& path, std::uint64_t max_bytes);

}  // namespace hocket::trust
