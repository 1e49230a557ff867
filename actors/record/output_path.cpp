#include "actors/record/output_path.hpp"

#include <filesystem>

namespace hocket::record {

std::string output_path(const context& where, const std::string& file) {
  std::filesystem::path path = std::filesystem::path(where.output_dir) / file;
  const auto session = static_cast<std::uint64_t>(where.session);
  if (session > 1) {
    const auto extension = path.extension().string();
    path.replace_extension(std::to_string(session) + extension);
  }
  return path.string();
}

}  // namespace hocket::record
