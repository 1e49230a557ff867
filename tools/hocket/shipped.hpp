#pragma once

#include <string>

namespace hocket::cli {

/// A file or folder that comes with Hocket, for a command that is given none: `configs/...` in the current
/// folder where that has it (the tree), else the installed one beside the program (`../share/hocket`).
/// Where there is neither, the first, which the error then names.
std::string shipped(const std::string& path);

}  // namespace hocket::cli
