#include "graph/contract/capability.hpp"

#include <filesystem>

namespace hocket {

std::shared_ptr<const trust::capability> capability_of(const context& where) {
  if (where.may) return where.may;
  return std::make_shared<const trust::capability>(trust::default_policy(trust::level::own),
                                                   where.output_dir);
}

std::string output_name(const context& where, const std::string& file) {
  std::filesystem::path path(file);
  const auto session = static_cast<std::uint64_t>(where.session);
  if (session > 1) {
    const auto extension = path.extension().string();
    path.replace_extension(std::to_string(session) + extension);
  }
  return path.string();
}

result<trust::file> create_output(const context& where, const std::string& file,
                                  trust::create_as how) {
  return capability_of(where)->create(output_name(where, file), how);
}

}  // namespace hocket
