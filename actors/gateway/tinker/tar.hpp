#pragma once

#include <map>
#include <string>

namespace hocket::tinker {

/// Files as a tar archive (POSIX ustar). Names are at most 99 characters.
std::string as_tar(const std::map<std::string, std::string>& files);

}  // namespace hocket::tinker
