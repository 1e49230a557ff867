#include "tools/hocket/shipped.hpp"

#include <filesystem>
#include <system_error>

namespace hocket::cli {

namespace fs = std::filesystem;

std::string shipped(const std::string& path) {
  std::error_code none;
  if (fs::exists(path, none)) return path;
  const auto program = fs::read_symlink("/proc/self/exe", none);
  const auto installed = program.parent_path().parent_path() / "share/hocket" / path;
  return fs::exists(installed, none) ? installed.string() : path;
}

}  // namespace hocket::cli
