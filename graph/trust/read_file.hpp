#pragma once

#include <cstdint>
#include <string>

#include "graph/core/result.hpp"

namespace hocket::trust {

/// What a file holds that somebody gave us: a plain one, or a pipe that a shell handed over
/// (`/dev/stdin`, `/dev/fd/63`). A named pipe, a folder or a device in its place neither holds us up nor
/// fills the memory. Errors: files.cannot_read, files.too_large.
result<std::string> read_given_file(const std::string& path, std::uint64_t max_bytes);

}  // namespace hocket::trust
